"""fsspec's WebHDFS over our client, which adds TLS, Kerberos, and failover to the second NameNode."""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

import requests
from fsspec.implementations.webhdfs import WebHDFS

from contract.hadoop_access import Access
from contract.hadoop_rest import HadoopRest, Refused

HTTP_TIMEOUT_S = (10.0, 60.0)  # to connect, and between two reads
URL = re.compile(r"(?P<scheme>s?webhdfs)://((?P<user>[^@/]+)@)?(?P<hosts>[^@/]+)(?P<path>/.*)")


class WebHdfsUrl(NamedTuple):
    """The parts of a count log's URL.

    Attributes:
        hosts: URL of each NameNode's REST service.
        user: name to send without Kerberos; empty for none.
        path: in HDFS.
    """

    hosts: list[str]
    user: str
    path: str


def parse(url: str) -> WebHdfsUrl:
    """Parses `webhdfs://user@nn1:9870,nn2:9870/path`, or `swebhdfs://` over TLS.

    Raises:
        ValueError: malformed.
    """
    found = URL.fullmatch(url)
    if not found:
        raise ValueError(f"{url!r} is not webhdfs://HOST:PORT[,HOST:PORT]/PATH, or swebhdfs:// over TLS")
    scheme, port = ("https", 9871) if found["scheme"] == "swebhdfs" else ("http", 9870)  # Hadoop's own ports
    hosts = found["hosts"].split(",")
    if not all(hosts):
        raise ValueError(f"{url!r} has an empty host between commas")
    urls = [f"{scheme}://{host}{'' if ':' in host else f':{port}'}" for host in hosts]
    return WebHdfsUrl(urls, unquote(found["user"] or ""), found["path"])


def file_system(url: str, access: Access) -> tuple[WebHDFS, str]:
    """The file system and the path in it; nothing is requested yet.

    Raises:
        ValueError: the URL is malformed, the CA file is missing, or Kerberos' libraries are not installed.
    """
    hosts, user, path = parse(url)
    found = WebHDFS(host="", use_listings_cache=False, skip_instance_cache=True)
    # A path instead of a URL: the session adds the active NameNode.
    found.url, found.session = "/webhdfs/v1", _Session(hosts, access, user, HTTP_TIMEOUT_S)
    return found, path


class _Session(HadoopRest):
    def request(self, method: str | bytes, url: str | bytes, *args: Any, **options: Any) -> requests.Response:
        answer = super().request(method, url, *args, **options)
        if not str(url).startswith("/") and not answer.ok:
            # fsspec takes whatever a DataNode answers for the file's bytes.
            raise Refused(str(url), f"status {answer.status_code} {answer.reason}", response=answer)
        return answer
