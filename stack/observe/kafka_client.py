"""The Kafka client configuration (docs/contracts.md) as kafka-python's arguments, for the stack's own readers.

It shares no code with jobs/ on purpose: the recount must not read the topic with the code that it checks.
"""

import json
import ssl
import tempfile
from pathlib import Path
from typing import Any

from stack.config.errors import StackError


def kafka_arguments(kafka_config: Path | None) -> dict[str, Any]:
    """kafka-python's arguments for the file; none without a file.

    Raises:
        StackError: the file can't be used; the message names it, but no value from it.
    """
    if kafka_config is None:
        return {}
    try:
        found: dict[str, str] = json.loads(kafka_config.read_bytes())
        protocol = found["security.protocol"]
        arguments: dict[str, Any] = {"security_protocol": protocol}
        if "SASL" in protocol:
            arguments["sasl_mechanism"] = found["sasl.mechanism"]
            arguments["sasl_plain_username"] = found["sasl.username"]
            arguments["sasl_plain_password"] = found["sasl.password"]
        if "SSL" in protocol:
            arguments["ssl_context"] = _trusting(found)
    except KeyError as error:
        raise StackError(f"{kafka_config}: {error.args[0]} is missing") from None
    except OSError as error:  # also an invalid certificate
        raise StackError(f"{kafka_config}: {error.strerror or error}") from None
    except (ValueError, TypeError, AttributeError):
        raise StackError(f"{kafka_config} is not a JSON object with a Kafka client configuration") from None
    return arguments


def _trusting(found: dict[str, str]) -> ssl.SSLContext:
    """Checks the broker's certificate and name; presents ours if the file has one."""
    # Names of authorities in a bundle's comments may be no ASCII, which Python insists on.
    authority = found.get("ssl.ca.pem", "").encode("ascii", "replace").decode()
    context = ssl.create_default_context(cafile=found.get("ssl.ca.location"), cadata=authority or None)
    if "ssl.certificate.pem" in found:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:  # Python reads them from a file only
            file.write(found["ssl.key.pem"] + "\n" + found["ssl.certificate.pem"])
            file.flush()
            context.load_cert_chain(file.name)
    return context
