"""A real Dovecot of the test's own: its configuration, its mail, a free port, and nobody else's."""

from __future__ import annotations

import grp
import os
import pwd
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from imapclient import IMAPClient

from tests.components import path_to

PASSWORD = "correct-horse"

SETTINGS = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/dovecot.log
instance_name = onewindow-test
protocols = imap
listen = 127.0.0.1
ssl = {ssl}
disable_plaintext_auth = no
auth_mechanisms = plain
first_valid_uid = 1
mail_location = maildir:{home}/mail/%u
default_internal_user = {internal}
default_internal_group = {group}
default_login_user = {internal}
passdb {{
  driver = static
  args = password={{PLAIN}}{password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
protocol imap {{
  {capability}
}}
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class Dovecot:
    """The server. It can be stopped and started with the same mail and ports. Any user may sign in."""

    def __init__(self, home: Path, *, idle: bool = True, certificate: Path | None = None) -> None:
        self.home = home
        self.port = free_port()
        self.tls_port = free_port() if certificate else 0
        self._process: subprocess.Popen[bytes] | None = None
        me = pwd.getpwuid(os.geteuid())
        # Dovecot will not touch mail as root.
        self.owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else me
        for folder in ("run", "state", "mail"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        self.give(home / "mail")
        self.settings = home / "dovecot.conf"
        self.settings.write_text(
            SETTINGS.format(
                home=home,
                ssl=f"yes\nssl_cert = <{certificate}\nssl_key = <{certificate}" if certificate else "no",
                internal=self.owner.pw_name,
                group=grp.getgrgid(self.owner.pw_gid).gr_name,
                uid=self.owner.pw_uid,
                gid=self.owner.pw_gid,
                password=PASSWORD,
                port=self.port,
                tls_port=self.tls_port,
                capability="" if idle else "imap_capability = IMAP4rev1 UIDPLUS",
            )
        )

    def give(self, path: Path) -> None:
        """To whom the mail belongs."""
        if os.geteuid() == 0:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def start(self) -> None:
        with (self.home / "errors").open("ab") as log:
            command = [str(path_to("dovecot")), "-F", "-c", str(self.settings)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
                return
            except OSError:
                assert self._process.poll() is None, (self.home / "errors").read_text()
                assert time.monotonic() < deadline, (self.home / "errors").read_text()
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            with suppress(
                subprocess.TimeoutExpired
            ):  # it waits for its children as long as they wait for peers
                self._process.wait(1.5)
            with suppress(ProcessLookupError):  # children that outlive it would serve their peers on
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(20)
            self._process = None


class Box:
    """A mailbox there, as somebody else's programs use it."""

    def __init__(self, server: Dovecot, user: str) -> None:
        self.server = server
        self.user = user
        self._place = server.home / "mail" / user

    @contextmanager
    def client(self, folder: str = "") -> Iterator[IMAPClient]:
        client = IMAPClient("127.0.0.1", self.server.port, ssl=False, timeout=20)
        client.login(self.user, PASSWORD)
        try:
            if folder:
                client.select_folder(folder)
            yield client
        finally:
            client.logout()

    def put(self, *letters: bytes, folder: str = "INBOX", seen: bool = False) -> None:
        with self.client() as client:
            if not client.folder_exists(folder):
                client.create_folder(folder)
            for letter in letters:
                client.append(folder, letter, [b"\\Seen"] if seen else [])

    def put_files(self, letters: Iterable[bytes]) -> list[Path]:
        """As a delivery agent does that writes the files itself."""
        for folder in (self._place, *(self._place / name for name in ("new", "cur", "tmp"))):
            folder.mkdir(exist_ok=True)
            self.server.give(folder)
        paths = []
        for number, letter in enumerate(letters):
            path = self._place / "new" / f"{1_700_000_000 + number}.M{number}P1.test"
            path.write_bytes(letter)
            self.server.give(path)
            paths.append(path)
        return paths

    def forget_numbers(self) -> None:
        """What a mailbox that was restored or converted does: the same letters under a new UIDVALIDITY."""
        numbers = self._place / "dovecot-uidlist"
        header = numbers.read_text().partition("\n")[0]
        validity = int(re.search(r" V(\d+)", header)[1])  # type: ignore[index]
        for path in self._place.glob("dovecot*"):
            path.unlink()
        numbers.write_text(f"3 V{validity + 1} N1\n")
        self.server.give(numbers)

    def files(self) -> int:
        """Letters in the inbox, as the disk has them: asking the server takes too long for a race."""
        return sum(len(list((self._place / name).iterdir())) for name in ("new", "cur"))

    @contextmanager
    def closed(self, folder: str) -> Iterator[None]:
        """The folder takes nothing meanwhile, as where a quota is used up."""
        place = self._place / f".{folder}"
        places = [place, *(place / name for name in ("new", "cur", "tmp"))]
        for one in places:
            one.chmod(0o500)
        try:
            yield
        finally:
            for one in places:
                one.chmod(0o700)

    def count(self, folder: str = "INBOX", what: str = "ALL") -> int:
        with self.client() as client:
            if not client.folder_exists(folder):
                return 0
            client.select_folder(folder, readonly=True)
            return len(client.search(what))


@contextmanager
def a_dovecot(*, idle: bool = True, tls: bool = False) -> Iterator[Dovecot]:
    # A test's own directory is closed to others, and whoever reads mail is another.
    with tempfile.TemporaryDirectory(prefix="onewindow-dovecot-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        certificate = a_certificate(home / "server.pem", "127.0.0.1") if tls else None
        server = Dovecot(home, idle=idle, certificate=certificate)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def a_certificate(path: Path, name: str) -> Path:
    """Key and certificate of a server of this name, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    alternative = x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path
