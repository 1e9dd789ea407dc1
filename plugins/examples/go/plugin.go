// A handshake in Go: each side proves that it knows the secret both share, and both derive a key from it.
//
// The protocol is that of the projects that `handclasp new` writes, where it is explained; their plugins and this
// one understand each other.
//
// No package here imports os: its initialisation raises the process's limit of open files, which is the host's.
package main

/*
#include "handclasp.h"

// Go calls C functions, but no pointers to them.
static inline hc_status draw(const hc_host *host, void *buffer, size_t len) {
	return host->random(host, buffer, len);
}
static inline void tell_peer(const hc_call *call, const void *data, size_t len) {
	call->init_data(call, hc_slice(data, len));
}
static inline void hand_over(const hc_call *call, const void *data, size_t len) {
	call->handshake_data(call, hc_slice(data, len));
}
static inline void fail(const hc_call *call, const void *sentence, size_t len) {
	call->error(call, hc_slice(sentence, len));
}
static inline void wake_at(const hc_call *call, uint64_t at_ns) {
	call->deadline(call, at_ns);
}
*/
import "C"

import (
	"crypto/hmac"
	"crypto/sha256"
	"runtime/cgo"
	"unsafe"
)

const (
	hashLen        = sha256.Size
	nonceLen       = 32
	challengeLen   = nonceLen + hashLen
	proof          = 32 // first bytes, apart from STUN and RTP (RFC 7983)
	answer         = 33
	shortestSecret = 16
	firstWait      = 250 * C.HC_MILLISECOND
	longestWait    = 1000 * C.HC_MILLISECOND
)

type handshake struct {
	secret    []byte
	challenge [challengeLen]byte
	initiates bool
	finished  bool
	wait      C.uint64_t // from one proof to the next
	own       []byte     // what this side sends,
	due       []byte     // and what it waits for
	key       []byte
}

// hmac.Equal compares in constant time: how long it takes tells nothing of where the two differ.
func (h *handshake) mac(label string, nonces ...[]byte) []byte {
	mac := hmac.New(sha256.New, h.secret)
	mac.Write([]byte(label))
	for _, nonce := range nonces {
		mac.Write(nonce)
	}
	return mac.Sum(nil)
}

// A Go pointer must not be kept by C: an instance is a handle, a number that fits into a pointer.
func of(instance C.uintptr_t) *handshake {
	return cgo.Handle(instance).Value().(*handshake)
}

// lent is what the host lends for the time of a call.
func lent(bytes C.hc_bytes) []byte {
	return unsafe.Slice((*byte)(bytes.data), int(bytes.len))
}

func failed(call *C.hc_call, status C.hc_status, sentence string) C.hc_status {
	text := []byte(sentence)
	C.fail(call, unsafe.Pointer(&text[0]), C.size_t(len(text)))
	return status
}

// contain makes a failure of a panic, which would end the host's process.
func contain(call *C.hc_call, status *C.hc_status) {
	if recover() != nil {
		*status = failed(call, C.HC_ERROR_PANIC, "the plugin has panicked: report this to its author")
	}
}

//export goInit
func goInit(host *C.hc_host, init *C.hc_init, call *C.hc_call, instance *C.uintptr_t) (status C.hc_status) {
	defer contain(call, &status)
	var psk []byte
	for _, setting := range unsafe.Slice(init.options, int(init.option_count)) {
		if string(lent(setting.key)) == "psk" {
			psk = append(psk, lent(setting.value)...) // it is lent, so copied
		}
	}
	if len(psk) < shortestSecret {
		return failed(call, C.HC_ERROR_OPTION, "psk is too short to be a secret: give 16 bytes or more, such as what "+
			"`openssl rand -hex 16` prints")
	}
	h := &handshake{secret: psk, wait: firstWait}
	if C.draw(host, unsafe.Pointer(&h.challenge[0]), nonceLen) != C.HC_PENDING {
		return failed(call, C.HC_ERROR_INTERNAL, "there is no randomness")
	}
	copy(h.challenge[nonceLen:], h.mac("challenge", h.challenge[:nonceLen]))
	C.tell_peer(call, unsafe.Pointer(&h.challenge[0]), challengeLen)
	*instance = C.uintptr_t(cgo.NewHandle(h))
	return C.HC_PENDING
}

//export goSetPeer
func goSetPeer(instance C.uintptr_t, peer *C.hc_peer, call *C.hc_call) (status C.hc_status) {
	defer contain(call, &status)
	h, challenge := of(instance), lent(peer.init_data)
	if len(challenge) != challengeLen {
		return failed(call, C.HC_ERROR_PEER_REJECTED,
			"the peer's init data is no challenge of 64 bytes: give it the same handshake")
	}
	ours, theirs := h.challenge[:nonceLen], challenge[:nonceLen]
	if !hmac.Equal(h.mac("challenge", theirs), challenge[nonceLen:]) {
		return failed(call, C.HC_ERROR_AUTHENTICATION,
			"the peer has another psk: give both sides the same one")
	}
	h.initiates = peer.role == C.HC_ROLE_INITIATOR
	first, second := ours, theirs
	if !h.initiates {
		first, second = theirs, ours
	}
	proofs := append([]byte{proof}, h.mac("initiator", first, second)...)
	answers := append([]byte{answer}, h.mac("responder", first, second)...)
	h.key = h.mac("key", first, second)
	h.own, h.due = proofs, answers
	if !h.initiates {
		h.own, h.due = answers, proofs
	}
	return C.HC_PENDING
}

func (h *handshake) send(call *C.hc_call) {
	C.hc_send(call, unsafe.Pointer(&h.own[0]), C.size_t(len(h.own)))
}

func (h *handshake) sendProof(call *C.hc_call) {
	h.send(call)
	C.wake_at(call, call.now_ns+h.wait)
}

//export goConnectionReady
func goConnectionReady(instance C.uintptr_t, call *C.hc_call) (status C.hc_status) {
	defer contain(call, &status)
	if h := of(instance); h.initiates {
		h.sendProof(call)
	}
	return C.HC_PENDING
}

//export goOnDeadline
func goOnDeadline(instance C.uintptr_t, call *C.hc_call) (status C.hc_status) {
	defer contain(call, &status)
	h := of(instance)
	if !h.initiates || h.finished {
		return C.HC_PENDING
	}
	if h.wait *= 2; h.wait > longestWait {
		h.wait = longestWait
	}
	h.sendProof(call)
	return C.HC_PENDING
}

//export goRecvFromPeer
func goRecvFromPeer(instance C.uintptr_t, datagram C.hc_bytes, call *C.hc_call) (status C.hc_status) {
	defer contain(call, &status)
	h := of(instance)
	if !hmac.Equal(lent(datagram), h.due) {
		return C.HC_PENDING // it proves nothing: it may be forged
	}
	if !h.initiates {
		h.send(call) // finished or not: the last answer may be lost
	}
	if h.finished {
		return C.HC_PENDING
	}
	h.finished = true
	C.wake_at(call, C.HC_NO_DEADLINE)
	C.hand_over(call, unsafe.Pointer(&h.key[0]), C.size_t(len(h.key)))
	return C.HC_FINISHED
}

//export goDestroy
func goDestroy(instance C.uintptr_t) {
	h := of(instance)
	for _, secret := range [][]byte{h.secret, h.key} {
		for i := range secret {
			secret[i] = 0
		}
	}
	cgo.Handle(instance).Delete()
}

func main() {} // a library has none, but Go wants it
