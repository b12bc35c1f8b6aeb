"""Makes ca.pem, server.pem and server.key in a folder: for 127.0.0.1 and localhost, or wrong on purpose."""
import datetime, ipaddress, sys
from pathlib import Path
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

folder, kind = Path(sys.argv[1]), sys.argv[2]
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
named = lambda name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
pem = serialization.Encoding.PEM


def made(subject, issuer, key, signer, ca, begins, ends):
    made = x509.CertificateBuilder().subject_name(named(subject)).issuer_name(named(issuer)).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if not ca:
        here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        names = [x509.DNSName("vault.elsewhere.example")] if kind == "elsewhere" else here
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return made.sign(signer, hashes.SHA256())


ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ca = made("Quarterdeck test CA", "Quarterdeck test CA", ca_key, ca_key, True, now - 9 * day, now + 9 * day)
ends = now - day if kind == "expired" else now + day
server = made("vault", "Quarterdeck test CA", key, ca_key, False, now - 2 * day, ends)
(folder / "ca.pem").write_bytes(ca.public_bytes(pem))
(folder / "server.pem").write_bytes(server.public_bytes(pem))
plain = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
(folder / "server.key").write_bytes(key.private_bytes(*plain))
