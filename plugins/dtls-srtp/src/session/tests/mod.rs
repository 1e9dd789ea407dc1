mod authentication;
mod forgery;
mod link;
mod loss;
mod retransmission;
