"""What the four mail providers post, as their documentation shows it, and how each proves who it is."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

SECRET = "reports:a-long-random-secret"
GONE = "550 5.1.1 The email account that you tried to reach does not exist."
Headers = dict[str, str]


def postmark(what: str, message_id: str, to: str) -> Any:
    common = {"MessageID": message_id, "ServerID": 23, "MessageStream": "outbound", "Metadata": {}, "Tag": ""}
    if what == "delivered":
        return common | {
            "RecordType": "Delivery",
            "Recipient": to,
            "DeliveredAt": "2026-11-22T10:00:00Z",
            "Details": "smtp;250 2.0.0 OK",
        }
    if what == "opened":
        return common | {"RecordType": "Open", "Recipient": to, "ReceivedAt": "2026-11-22T10:00:00Z"}
    kind = {"bounced": "HardBounce", "complained": "SpamComplaint", "failed": "BadEmailAddress"}[what]
    return common | {
        "RecordType": "SpamComplaint" if what == "complained" else "Bounce",
        "ID": 692560173,
        "Type": kind,
        "Description": "The server was unable to deliver your message (ex: unknown user, mailbox full).",
        "Details": f"smtp;{GONE}" if what == "bounced" else "",
        "Email": to,
        "BouncedAt": "2026-11-22T10:00:00Z",
        "Inactive": True,
    }


def mailgun(what: str, message_id: str, to: str) -> Any:
    data = {
        "id": "CPgfbmQMTCKtHW6uIWtuVe",
        "event": "failed" if what == "bounced" else "rejected" if what == "failed" else what,
        "timestamp": 1763800000.5,
        "recipient": to,
        # Mailgun leaves the brackets out here that it gave when it took the message.
        "message": {"headers": {"message-id": message_id.strip("<>"), "to": to}, "size": 900},
        "user-variables": {},
        "tags": [],
    }
    if what == "bounced":
        data |= {"severity": "permanent", "reason": "bounce"}
        data["delivery-status"] = {"code": 550, "message": GONE, "description": ""}
    if what == "failed":
        data["reject"] = {"reason": "Sandbox subdomains are for test purposes only."}
    return {"event-data": data}


def sendgrid(what: str, message_id: str, to: str) -> Any:
    names = {"bounced": "bounce", "complained": "spamreport", "failed": "dropped", "opened": "open"}
    event = {
        "email": to,
        "event": names.get(what, what),
        "timestamp": 1763800000,
        "sg_event_id": "ZGVsaXZlcmVkLTAtMTMz",
        "sg_message_id": "T7LAM8M4S4.filter0001",
        "anymail_id": message_id,
    }
    more = {
        "bounced": {"reason": GONE, "status": "5.1.1", "type": "bounce"},
        "failed": {"reason": "Invalid SMTPAPI header", "type": "Invalid"},
    }
    return [event | more.get(what, {})]


def amazon_ses(what: str, message_id: str, to: str) -> Any:
    mail = {"messageId": message_id, "timestamp": "2026-11-22T10:00:00.000Z", "destination": [to]}
    recipients = [
        {"emailAddress": to, "action": "failed", "status": "5.1.1", "diagnosticCode": f"smtp; {GONE}"}
    ]
    event = {
        "delivered": {"eventType": "Delivery", "delivery": {"recipients": [to], "smtpResponse": "250 OK"}},
        "opened": {"eventType": "Open", "open": {"ipAddress": "192.0.2.1", "userAgent": "Mozilla"}},
        "complained": {
            "eventType": "Complaint",
            "complaint": {"complainedRecipients": [{"emailAddress": to}], "complaintFeedbackType": "abuse"},
        },
        "failed": {"eventType": "Reject", "reject": {"reason": "Bad content"}},
        "bounced": {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": recipients,
            },
        },
        "away": {
            "eventType": "Bounce",
            "bounce": {
                "bounceType": "Transient",
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": to}],
            },
        },
    }[what]
    return {
        "Type": "Notification",
        "MessageId": "e5d3a6b1-0000-5555-9999-000000000001",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:mail",
        "Timestamp": "2026-11-22T10:00:01.000Z",
        "SignatureVersion": "1",
        "Message": json.dumps(event | {"mail": mail}),
    }


# --- Proofs: a function of the payload and of a secret, which returns what is posted ----------------------


def by_password(payload: Any, secret: str | None) -> tuple[bytes, Headers]:
    headers = {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"} if secret else {}
    return json.dumps(payload).encode(), headers


def by_sns(payload: Any, secret: str | None) -> tuple[bytes, Headers]:
    body, headers = by_password(payload, secret)
    named = {"x-amz-sns-message-type": payload["Type"], "x-amz-sns-message-id": payload["MessageId"]}
    return body, headers | named


def by_hmac(payload: Any, secret: str | None) -> tuple[bytes, Headers]:
    stamp, token = "1763800000", "b0a8c3d1e2f4" * 4
    signature = hmac.new((secret or "").encode(), (stamp + token).encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return json.dumps(payload | ({"signature": signed} if secret else {})).encode(), {}


@cache
def _key(which: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def public_key() -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = _key(SECRET).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def by_ecdsa(payload: Any, secret: str | None) -> tuple[bytes, Headers]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    body, stamp, name = json.dumps(payload).encode(), "1763800000", "x-twilio-email-event-webhook"
    if not secret:
        return body, {}
    signature = _key(secret).sign(stamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return body, {f"{name}-signature": base64.b64encode(signature).decode(), f"{name}-timestamp": stamp}


@dataclass(frozen=True)
class Provider:
    """One of them: its environment, what it posts, and how."""

    name: str
    payload: Callable[[str, str, str], Any]
    proof: Callable[[Any, str | None], tuple[bytes, Headers]]
    setting: str

    def configure(self, settings: Any) -> None:
        settings.MAIL_PROVIDER = self.name
        secret = public_key() if self.proof is by_ecdsa else SECRET
        settings.ANYMAIL = settings.ANYMAIL | {self.setting: secret}

    def post(
        self, what: str, *, message_id: str, to: str, secret: str | None = SECRET, **headers: str
    ) -> HttpResponse:
        """Report that the e-mail was delivered, bounced, complained, failed or opened."""
        body, proof = self.proof(self.payload(what, message_id, to), secret)
        return self.post_raw(
            body, **headers, **{f"HTTP_{n.upper().replace('-', '_')}": v for n, v in proof.items()}
        )

    def post_raw(self, body: bytes, **headers: str) -> HttpResponse:
        kind = "text/plain; charset=UTF-8" if self.name == "amazon_ses" else "application/json"
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        return client.generic("POST", self.url, body, content_type=kind, **headers)

    @property
    def url(self) -> str:
        return reverse("mail_report", args=[self.name])


PROVIDERS = [
    Provider("postmark", postmark, by_password, "WEBHOOK_SECRET"),
    Provider("mailgun", mailgun, by_hmac, "MAILGUN_WEBHOOK_SIGNING_KEY"),
    Provider("sendgrid", sendgrid, by_ecdsa, "SENDGRID_TRACKING_WEBHOOK_VERIFICATION_KEY"),
    Provider("amazon_ses", amazon_ses, by_sns, "WEBHOOK_SECRET"),
]
