mod authentication;
mod forgery;
mod key_log;
mod link;
mod loss;
mod retransmission;
