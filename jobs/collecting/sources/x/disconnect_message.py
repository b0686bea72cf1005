"""X's message before it ends a connection.

It comes as `{"errors":[{"title":"operational-disconnect",…}]}`, or as the bare problem, and X does not always close
the connection after it (github.com/xdevplatform/twitter-api-typescript-sdk/issues/69).
"""

import json

TITLE = "operational-disconnect"
_LONGEST_BYTES = 4096  # a post may contain the words, too; the message is short


def said_goodbye(line: bytes) -> str | None:
    """X's reason if the line announces the end of the connection; otherwise None."""
    if TITLE.encode() not in line or len(line) > _LONGEST_BYTES:
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or "data" in message:
        return None
    errors = message.get("errors")
    for problem in [message, *(errors if isinstance(errors, list) else [])]:
        if isinstance(problem, dict) and problem.get("title") == TITLE:
            said = f"{TITLE}: {problem.get('detail', '')}"[:300]
            return " ".join(said.split())
    return None
