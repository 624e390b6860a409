"""A real mail server (aiosmtpd) for the tests: TLS, AUTH, and every message it takes as a line of JSON.

usage: mail_server.py CERTIFICATE KEY [--implicit] [--no-tls] [--password PASSWORD]
The first line is {"port": N}.
"""

import argparse
import asyncio
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult


def say(value):
    print(json.dumps(value), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        say({"from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": message["Subject"],
             "sender": str(message["From"]), "headers": message.keys(), "parts": parts,
             "tls": session.ssl is not None, "signed_in": session.authenticated,
             "defects": [str(defect) for part in message.walk() for defect in part.defects]})
        return "250 taken"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("certificate")
    options.add_argument("key")
    options.add_argument("--implicit", action="store_true")
    options.add_argument("--no-tls", action="store_true")
    options.add_argument("--password")
    chosen = options.parse_args()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chosen.certificate, chosen.key)

    def authenticator(server, session, envelope, mechanism, data):
        good = data.login == b"bird" and data.password == chosen.password.encode()
        return AuthResult(success=good, handled=False)  # it answers 535 itself

    plain = chosen.no_tls or chosen.implicit

    def session():
        return SMTP(Handler(), hostname="mail.test", tls_context=None if plain else context, require_starttls=not plain,
                    enable_SMTPUTF8=True, authenticator=authenticator if chosen.password else None,
                    auth_required=bool(chosen.password), auth_require_tls=not plain)

    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if chosen.implicit else None)
        say({"port": server.sockets[0].getsockname()[1]})
        await loop.run_in_executor(None, sys.stdin.read)  # whoever started us goes

    asyncio.run(serve())


main()
