"""Certificates of one cluster, made with the openssl command."""
import os

from process import output_of

_CONFIG = "[req]\ndistinguished_name = name\n[name]\n"
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def make_key_pair(folder, name):
    """FOLDER/NAME.key and .pub, for signing tokens."""
    key = f"{folder}/{name}.key"
    output_of(
        ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]
        + ["-out", key]
    )
    output_of(["openssl", "pkey", "-in", key, "-pubout", "-out", f"{folder}/{name}.pub"])


class Authority:
    """A CA. Files are FOLDER/NAME.crt and .key; keys are readable by their owner only."""

    def __init__(self, folder, name, subject):
        self.folder = folder
        self.certificate = f"{folder}/{name}.crt"
        self.key = f"{folder}/{name}.key"
        self._config = f"{folder}/openssl.cnf"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(self._config, "w") as config:
            config.write(_CONFIG)
        self._make(
            name,
            subject,
            ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,digitalSignature"],
            [],
        )

    def issue(self, name, subject, usage, alternative_names=()):
        """A leaf for `usage`, clientAuth or serverAuth: (certificate file, key file)."""
        extensions = [
            "basicConstraints=critical,CA:FALSE",
            "keyUsage=critical,digitalSignature",
            f"extendedKeyUsage={usage}",
        ]
        if alternative_names:
            extensions.append(f"subjectAltName={','.join(alternative_names)}")
        return self._make(name, subject, extensions, ["-CA", self.certificate, "-CAkey", self.key])

    def _make(self, name, subject, extensions, signer):
        certificate, key = f"{self.folder}/{name}.crt", f"{self.folder}/{name}.key"
        arguments = ["openssl", "req", "-x509", "-config", self._config, "-days", "30"]
        arguments += [*_KEY, "-keyout", key, "-out", certificate, "-subj", subject, *signer]
        for extension in extensions:
            arguments += ["-addext", extension]
        output_of(arguments)
        return certificate, key
