-- Chunks are staged in temporary tables, and a careful administrator has taken that right from everyone.
do $$ begin execute format('grant temporary on database %I to hashtide_compactor', current_database()); end $$;
