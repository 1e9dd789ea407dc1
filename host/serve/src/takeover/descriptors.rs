//! File descriptors on their way to another process.
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Descriptors of one message, each of which has one byte; Linux takes 253.
const AT_A_TIME: usize = 64;
/// What a message holds besides.
const CONTENT: [u8; 1] = [b'\n'];

/// Sends the first of these, as many as a message takes; returns how many.
///
/// # Errors
/// The system's, such as that there is no room now.
pub(crate) fn send(socket: impl AsFd, descriptors: &[BorrowedFd<'_>]) -> io::Result<usize> {
    let some = &descriptors[..descriptors.len().min(AT_A_TIME)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_A_TIME))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fits = ancillary.push(SendAncillaryMessage::ScmRights(some));
    debug_assert!(fits, "the space is for so many");
    let content = [IoSlice::new(&CONTENT)];
    sendmsg(socket, &content, &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(some.len())
}

/// Receives so many.
///
/// # Errors
/// The system's, or the other end has closed, or sends something else.
pub(super) fn receive(socket: impl AsFd, count: usize) -> io::Result<Vec<OwnedFd>> {
    let mut descriptors = Vec::new();
    while descriptors.len() < count {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_A_TIME))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut content = CONTENT;
        let mut slices = [IoSliceMut::new(&mut content)];
        let flags = RecvFlags::CMSG_CLOEXEC;
        let received = match recvmsg(&socket, &mut slices, &mut ancillary, flags) {
            Ok(received) => received,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if received.flags.contains(ReturnFlags::CTRUNC) {
            // The rest was thrown away.
            return Err(Errno::MFILE.into());
        }
        let before = descriptors.len();
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                descriptors.extend(some);
            }
        }
        if received.bytes == 0 || descriptors.len() == before {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    match descriptors.len() == count {
        true => Ok(descriptors),
        false => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read as _, Seek as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn descriptors_come_in_order_and_more_than_a_message_takes() {
        let (ours, theirs) = UnixStream::pair().expect("two ends");
        let files: Vec<File> = (0..150)
            .map(|number| {
                let mut file = tempfile::tempfile().expect("there is room");
                write!(file, "{number}").expect("there is room");
                file
            })
            .collect();
        let descriptors: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        let mut rest = &descriptors[..];
        while !rest.is_empty() {
            rest = &rest[send(&ours, rest).expect("there is room")..];
        }
        for (number, descriptor) in receive(&theirs, 150)
            .expect("all come")
            .into_iter()
            .enumerate()
        {
            let (mut file, mut text) = (File::from(descriptor), String::new());
            file.rewind().expect("it is a file");
            file.read_to_string(&mut text).expect("it is open");
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn too_few_or_none_are_an_error() {
        let (mut ours, theirs) = UnixStream::pair().expect("two ends");
        ours.write_all(b"{}\n").expect("there is room");
        assert!(receive(&theirs, 1).is_err(), "it is text");
        let (ours, theirs) = UnixStream::pair().expect("two ends");
        let descriptors = [ours.as_fd(); 3];
        send(&ours, &descriptors).expect("there is room");
        assert!(receive(&theirs, 2).is_err(), "there are more");
        send(&ours, &descriptors).expect("there is room");
        drop(ours);
        drop(receive(&theirs, 4).expect_err("there are fewer"));
    }
}
