//! A handshake in Zig: each side proves that it knows the secret both share, and both derive a key from it.
//!
//! The protocol is that of the projects that `handclasp new` writes, where it is explained; their plugins and this
//! one understand each other. `hc` is handclasp.h as `zig translate-c` makes it.
const std = @import("std");
const hc = @import("handclasp");
const Hmac = std.crypto.auth.hmac.sha2.HmacSha256;

/// The threads are the host's, and so is what they do about signals.
pub const std_options: std.Options = .{ .signal_stack_size = null };
/// Zig has no way to catch a panic: it ends the process, and says why.
pub const panic = std.debug.FullPanic(end);

fn end(why: []const u8, _: ?usize) noreturn {
    _ = std.c.write(2, why.ptr, why.len);
    std.c.abort();
}

const nonce_len = 32;
const hash_len = Hmac.mac_length;
const Nonce = [nonce_len]u8;
const Hash = [hash_len]u8;
const Challenge = [nonce_len + hash_len]u8;
const Message = [1 + hash_len]u8;
const proof = 32; // first bytes, apart from STUN and RTP (RFC 7983)
const answer = 33;
const shortest_secret = 16;
const first_wait = 250 * hc.HC_MILLISECOND;
const longest_wait = 1000 * hc.HC_MILLISECOND;

const Handshake = struct {
    secret: []u8,
    challenge: Challenge = undefined,
    initiates: bool = false,
    finished: bool = false,
    wait_ns: u64 = first_wait, // from one proof to the next
    own: Message = undefined, // what this side sends,
    due: Message = undefined, // and what it waits for
    key: Hash = undefined,

    fn mac(self: *const Handshake, label: []const u8, nonces: []const u8) Hash {
        var hmac = Hmac.init(self.secret);
        hmac.update(label);
        hmac.update(nonces);
        var out: Hash = undefined;
        hmac.final(&out);
        return out;
    }

    fn of(instance: ?*anyopaque) *Handshake {
        return @ptrCast(@alignCast(instance));
    }

    fn sendProof(self: *const Handshake, call: [*c]const hc.hc_call) void {
        _ = hc.hc_send(call, &self.own, self.own.len);
        _ = call.*.deadline.?(call, call.*.now_ns + self.wait_ns);
    }

    fn free(self: *Handshake) void {
        std.crypto.secureZero(u8, self.secret);
        std.crypto.secureZero(u8, &self.key);
        std.heap.c_allocator.free(self.secret);
        std.heap.c_allocator.destroy(self);
    }
};

/// What the host lends for the time of a call.
fn lent(bytes: hc.hc_bytes) []const u8 {
    return if (bytes.len == 0) &.{} else bytes.data[0..bytes.len];
}

fn make(secret: []const u8) !*Handshake {
    const copy = try std.heap.c_allocator.dupe(u8, secret); // it is lent
    errdefer std.heap.c_allocator.free(copy);
    const self = try std.heap.c_allocator.create(Handshake);
    self.* = .{ .secret = copy };
    return self;
}

fn init(
    host: [*c]const hc.hc_host,
    given: [*c]const hc.hc_init,
    call: [*c]const hc.hc_call,
    instance: [*c]?*anyopaque,
) callconv(.c) hc.hc_status {
    const psk = hc.hc_find_option(given, "psk");
    if (psk == null or psk.*.len < shortest_secret)
        return hc.hc_fail(call, hc.HC_ERROR_OPTION, "psk is too short to be a secret: give 16 bytes or more, " ++
            "such as what `openssl rand -hex 16` prints");
    const self = make(lent(psk.*)) catch
        return hc.hc_fail(call, hc.HC_ERROR_INTERNAL, "out of memory");
    const nonce = self.challenge[0..nonce_len];
    if (host.*.random.?(host, nonce, nonce_len) != hc.HC_PENDING) {
        self.free();
        return hc.hc_fail(call, hc.HC_ERROR_INTERNAL, "there is no randomness");
    }
    self.challenge[nonce_len..].* = self.mac("challenge", nonce);
    _ = call.*.init_data.?(call, hc.hc_slice(&self.challenge, self.challenge.len));
    instance.* = self;
    return hc.HC_PENDING;
}

fn setPeer(
    instance: ?*anyopaque,
    peer: [*c]const hc.hc_peer,
    call: [*c]const hc.hc_call,
) callconv(.c) hc.hc_status {
    const self = Handshake.of(instance);
    const init_data = lent(peer.*.init_data);
    if (init_data.len != self.challenge.len)
        return hc.hc_fail(call, hc.HC_ERROR_PEER_REJECTED, "the peer's init data is no challenge of 64 bytes: " ++
            "give it the same handshake");
    const theirs: Nonce = init_data[0..nonce_len].*;
    // In constant time: how long it takes tells nothing of where the two differ.
    if (!std.crypto.timing_safe.eql(Hash, self.mac("challenge", &theirs), init_data[nonce_len..][0..hash_len].*))
        return hc.hc_fail(call, hc.HC_ERROR_AUTHENTICATION, "the peer has another psk: give both sides the same one");
    const ours: Nonce = self.challenge[0..nonce_len].*;
    self.initiates = peer.*.role == hc.HC_ROLE_INITIATOR;
    const nonces = if (self.initiates) ours ++ theirs else theirs ++ ours;
    const proofs = [_]u8{proof} ++ self.mac("initiator", &nonces);
    const answers = [_]u8{answer} ++ self.mac("responder", &nonces);
    self.own = if (self.initiates) proofs else answers;
    self.due = if (self.initiates) answers else proofs;
    self.key = self.mac("key", &nonces);
    return hc.HC_PENDING;
}

fn connectionReady(instance: ?*anyopaque, call: [*c]const hc.hc_call) callconv(.c) hc.hc_status {
    const self = Handshake.of(instance);
    if (self.initiates) self.sendProof(call);
    return hc.HC_PENDING;
}

fn onDeadline(instance: ?*anyopaque, call: [*c]const hc.hc_call) callconv(.c) hc.hc_status {
    const self = Handshake.of(instance);
    if (!self.initiates or self.finished) return hc.HC_PENDING;
    self.wait_ns = @min(self.wait_ns * 2, longest_wait);
    self.sendProof(call);
    return hc.HC_PENDING;
}

fn recvFromPeer(
    instance: ?*anyopaque,
    datagram: hc.hc_bytes,
    call: [*c]const hc.hc_call,
) callconv(.c) hc.hc_status {
    const self = Handshake.of(instance);
    const said = lent(datagram);
    // What does not prove anything is ignored: it may be forged.
    if (said.len != self.due.len) return hc.HC_PENDING;
    if (!std.crypto.timing_safe.eql(Message, said[0..self.due.len].*, self.due)) return hc.HC_PENDING;
    // Finished or not: the last answer may be lost.
    if (!self.initiates) _ = hc.hc_send(call, &self.own, self.own.len);
    if (self.finished) return hc.HC_PENDING;
    self.finished = true;
    _ = call.*.deadline.?(call, hc.HC_NO_DEADLINE);
    _ = call.*.handshake_data.?(call, hc.hc_slice(&self.key, self.key.len));
    return hc.HC_FINISHED;
}

fn destroy(instance: ?*anyopaque) callconv(.c) void {
    Handshake.of(instance).free();
}

const options = [_]hc.hc_option{.{
    .key = "psk",
    .help = "The secret both sides share: 16 bytes or more",
    .type = hc.HC_OPTION_STRING,
    .flags = hc.HC_OPTION_REQUIRED | hc.HC_OPTION_SECRET,
}};

const peer_table: hc.hc_peer_table = .{ .set_peer = setPeer };
const timer_table: hc.hc_timer_table = .{ .on_deadline = onDeadline };
const classify_table: hc.hc_classify_table = table: {
    var table: hc.hc_classify_table = .{};
    for ([_]u8{ proof, answer }) |byte| table.first_bytes[byte / 8] |= 1 << byte % 8;
    break :table table;
};

fn required(id: [*c]const u8, table: anytype) hc.hc_extension {
    return .{ .id = id, .table = table, .table_size = @sizeOf(@TypeOf(table.*)), .flags = hc.HC_EXTENSION_REQUIRED };
}

const extensions = [_]hc.hc_extension{
    required(hc.HC_PEER, &peer_table),
    required(hc.HC_TIMER, &timer_table),
    required(hc.HC_CLASSIFY, &classify_table),
};

/// An inline text of the descriptor, which ends with a zero.
fn text(comptime len: usize, comptime short: []const u8) [len]u8 {
    var long: [len]u8 = @splat(0);
    long[0..short.len].* = short[0..short.len].*;
    return long;
}

export const handclasp_plugin: hc.hc_plugin = .{
    .magic = hc.HC_MAGIC,
    .declarations = hc.HC_DECLARATIONS,
    .abi_major = hc.HC_ABI_MAJOR,
    .abi_minor = hc.HC_ABI_MINOR,
    .pointer_bytes = @sizeOf(*anyopaque),
    .big_endian = hc.HC_BIG_ENDIAN,
    .struct_size = @sizeOf(hc.hc_plugin),
    .flags = 0,
    .id = text(48, "psk-zig"),
    .version = text(24, "0.1.0"),
    .name = "Pre-shared key",
    .vendor = "Handclasp",
    .license = "MIT OR Apache-2.0",
    .description = "Proves on both sides that they share a secret",
    .init_data_type = "psk-challenge",
    .handshake_data_type = "psk-key",
    .options = &options,
    .option_count = options.len,
    .extensions = &extensions,
    .extension_count = extensions.len,
    .init = init,
    .connection_ready = connectionReady,
    .recv_from_peer = recvFromPeer,
    .destroy = destroy,
};
