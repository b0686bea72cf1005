"""The small files beside a spool's segments, each with its format, its readers and its writers (docs/contracts.md).

    lock             who holds the spool, hence lives; `stop`: asks that very process to end
    state.json       what the collector last said of itself
    acked.json       the position up to which Kafka has acknowledged everything
    cursors.json     the last cursor of each source whose segments are removed
    collected.jsonl  which kinds of sources were collected, and since when
    auto.json        what `auto` stands for in this spool; `cluster`: the Kafka cluster that it is published to

Every function takes the spool's directory. The segments themselves are the collector's own.
"""
