"""aiortc's ICE and DTLS transports behind the JSON lines of docs/json-lines.md.

One component, no RTCPeerConnection. The DTLS role is the role of set_peer_init_data: an initiator is the client.
"""

import argparse
import asyncio
import base64

from aiortc.rtcdtlstransport import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)
from aiortc.rtcicetransport import RTCIceGatherer, RTCIceParameters, RTCIceTransport
from aiortc.sdp import candidate_from_sdp, candidate_to_sdp
from json_lines import encode, obey_lines, say

# IANA's numbers of the profiles (RFC 5764, RFC 7714), with the lengths of key and salt.
PROFILES = {
    b"SRTP_AES128_CM_SHA1_80": (1, 16, 14),
    b"SRTP_AEAD_AES_128_GCM": (7, 16, 12),
    b"SRTP_AEAD_AES_256_GCM": (8, 32, 12),
}


def say_of_component(event, **fields):
    say(event, component_id=1, **fields)


class Peer:
    def __init__(self, controlling):
        self.gatherer = RTCIceGatherer(iceServers=[])
        self.ice = RTCIceTransport(self.gatherer)
        self.ice._connection.ice_controlling = controlling
        self.ice._recv = self.receive
        self.certificate = RTCCertificate.generateCertificate()
        self.dtls = RTCDtlsTransport(self.ice, [self.certificate])
        self.dtls.on("statechange", self.dtls_changed)
        self.credentials = None
        self.fingerprints = None
        self.task = None

    async def announce(self):
        lines = [
            f"fingerprint:{fingerprint.algorithm} {fingerprint.value}"
            for fingerprint in self.certificate.getFingerprints()
        ]
        say_of_component(
            "handshake_init_data", init_data=encode("\n".join(lines).encode())
        )
        await self.gatherer.gather()
        local = self.gatherer.getLocalParameters()
        say("local_credentials", credentials=f"{local.usernameFragment} {local.password}")
        for candidate in self.gatherer.getLocalCandidates():
            line = "candidate:" + candidate_to_sdp(candidate)
            say_of_component("new_candidate_full", candidate=line)
        say("candidate_gathering_done")

    async def obey(self, line):
        """Returns whether to go on."""
        match line["message"]:
            case "set_remote_credentials":
                ufrag, password = line["credentials"].split()
                self.credentials = RTCIceParameters(ufrag, password)
            case "set_remote_candidate":
                candidate = candidate_from_sdp(line["candidate"].removeprefix("candidate:"))
                await self.ice.addRemoteCandidate(candidate)
            case "peer_candidate_gathering_done":
                await self.ice.addRemoteCandidate(None)
                self.task = asyncio.create_task(self.connect())
            case "set_peer_init_data":
                data = base64.b64decode(line["init_data"]).decode()
                pairs = [
                    value.split()
                    for name, value in (each.split(":", 1) for each in data.splitlines())
                    if name == "fingerprint"
                ]
                self.fingerprints = [RTCDtlsFingerprint(*pair) for pair in pairs]
                starts = line["role"] == "initiator"
                self.dtls._set_role("client" if starts else "server")
            case "send_payload":
                await self.ice._send(base64.b64decode(line["payload"]))
            case "stop":
                return False
        return True

    async def connect(self):
        await self.ice.start(self.credentials)
        await self.dtls.start(RTCDtlsParameters(self.fingerprints))
        if self.dtls.state == "connected":
            say_of_component("component_state_ready", handshake_data=encode(self.keys()))
        else:
            reason = f"ICE is {self.ice.state}, DTLS is {self.dtls.state}"
            say_of_component("component_state_failed", reason=reason)

    def keys(self):
        """In the format srtp-keys: profile, lengths, local key and salt, remote key and salt."""
        ssl = self.dtls._ssl
        number, key, salt = PROFILES[ssl.get_selected_srtp_profile()]
        material = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", 2 * (key + salt))
        keys, salts = material[: 2 * key], material[2 * key :]
        client, server = keys[:key] + salts[:salt], keys[key:] + salts[salt:]
        is_client = self.dtls._role == "client"
        local, remote = (client, server) if is_client else (server, client)
        return number.to_bytes(2, "big") + bytes([key, salt]) + local + remote

    async def receive(self):
        """What DTLS reads from ICE; RTP and RTCP (RFC 7983) are told as they came."""
        data = await self.ice._connection.recv()
        if 128 <= data[0] <= 191:
            say_of_component("ice_payload", payload=encode(data))
        return data

    def dtls_changed(self):
        if self.dtls.state == "closed":
            say_of_component("component_closed", by_peer=True)

    async def stop(self):
        self.dtls.remove_all_listeners()
        await self.dtls.stop()
        await self.ice.stop()
        say("stopped")


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--controlling", action="store_true")
    peer = Peer(parser.parse_args().controlling)
    await peer.announce()
    await obey_lines(peer.obey)
    await peer.stop()


asyncio.run(main())
