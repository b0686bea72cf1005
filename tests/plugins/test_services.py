"""What a connection to a service of Hadoop's may say."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from contract.hadoop_access import Access
from hashtide_airflow.services import HdfsExtra, service_of


def connection(**fields: Any) -> Connection:
    extra = fields.pop("extra", "{}")
    return Connection(conn_id="hashtide_hdfs", **{"conn_type": "http", "host": "nn.example", "extra": extra, **fields})


@pytest.mark.parametrize(
    ("fields", "urls"),
    [
        ({"port": 9870}, ("http://nn.example:9870",)),
        ({"schema": "https", "port": 9871}, ("https://nn.example:9871",)),
        ({"host": "https://nn.example/", "port": 9871}, ("https://nn.example:9871",)),
        ({"conn_type": "https", "port": 9871}, ("https://nn.example:9871",)),
        ({"host": "https://a.example,b.example:1", "port": 2}, ("https://a.example:2", "https://b.example:1")),
        ({"host": "a.example:1, b.example:2"}, ("http://a.example:1", "http://b.example:2")),
    ],
)
def test_hosts_ports_and_tls_may_stand_where_airflow_puts_them(fields: dict[str, Any], urls: tuple[str, ...]) -> None:
    assert service_of(connection(**fields), Access).urls == urls


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://nn.example:9871", "https://nn.example:9871"),
        ("http://nn.example:9871/https", "https://nn.example:9871"),
        ("http://nn.example:9870", "http://nn.example:9870"),
    ],
)
def test_a_connection_from_the_environment_may_be_a_uri(uri: str, url: str) -> None:
    assert service_of(Connection.from_uri(uri, conn_id="hashtide_yarn"), Access).urls == (url,)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"host": ""}, "hashtide_hdfs: no host"),
        ({"host": "a.example,,b.example"}, "an empty one between commas"),
        ({"schema": "ftp"}, "schema is 'ftp'"),
        ({"extra": '{"auht": "kerberos"}'}, "auht: Unexpected keyword argument"),
        ({"extra": '{"auth": "basic"}'}, "auth: Input should be 'simple' or 'kerberos'"),
        ({"extra": '{"keytab": "/secret/place"}'}, 'principal and keytab need "auth": "kerberos"'),
        ({"extra": '{"auth": "kerberos", "keytab": "/secret/place"}'}, "a keytab needs the principal"),
        ({"extra": '{"fs": "nameservice1"}'}, "fs: String should match"),
    ],
)
def test_what_can_not_be_used_is_named_without_its_value(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match="connection hashtide_hdfs") as refused:
        service_of(connection(**fields), HdfsExtra)
    assert says in str(refused.value)
    assert "/secret/place" not in str(refused.value)


def test_the_extra_says_who_we_are_and_whom_we_trust() -> None:
    extra = '{"auth": "kerberos", "principal": "h@R", "keytab": "/k", "ca_file": "/ca.pem", "fs": "hdfs://tide"}'
    found = service_of(connection(extra=extra, login="nobody"), HdfsExtra)
    assert found.extra == HdfsExtra(
        auth="kerberos", principal="h@R", keytab=Path("/k"), ca_file=Path("/ca.pem"), fs="hdfs://tide"
    )
    assert found.user == "nobody"
