-- Who may do what. The stack makes these roles with LOGIN and a password before; elsewhere (tests, one's own Postgres) those that
-- are missing are made here without login. Whoever migrates owns everything: that is hashtide_migrator.

do $$
declare
    wanted text;
begin
    foreach wanted in array array['hashtide_compactor', 'hashtide_reporter', 'hashtide_reader'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception when duplicate_object or unique_violation then
                null;  -- roles belong to the whole server: another database's migration was faster
            end;
        end if;
    end loop;
    begin
        alter role hashtide_reader set default_transaction_read_only = on;
    exception when insufficient_privilege then
        -- A second fence only: what protects is that the reader has no grant to write. Who made the role sets it.
        raise notice 'hashtide_reader: let an administrator run: alter role hashtide_reader set default_transaction_read_only = on';
    end;
end $$;

grant usage on schema public to hashtide_compactor, hashtide_reporter, hashtide_reader;
grant select on all tables in schema public to hashtide_compactor, hashtide_reporter, hashtide_reader;
alter default privileges in schema public grant select on tables to hashtide_compactor, hashtide_reporter, hashtide_reader;

grant insert, update on count_bucket, count_hour, count_day, collection_gap to hashtide_compactor;
grant insert on batch_ledger, offset_range, dead_letter to hashtide_compactor;
grant insert (generation), update (last_batch_id) on generation to hashtide_compactor;
grant insert on report to hashtide_reporter;

revoke execute on function make_bucket_partition(date), drop_bucket_partitions(date) from public;
grant execute on function make_bucket_partition(date), drop_bucket_partitions(date) to hashtide_compactor;
