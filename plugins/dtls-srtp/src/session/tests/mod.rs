mod authentication;
mod doubt;
mod forgery;
mod key_log;
mod link;
mod loss;
mod retransmission;
mod retry;
