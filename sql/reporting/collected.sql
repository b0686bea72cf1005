-- What the collector has read, and until when: null where it is the last that is known.
select began_at, lead(began_at) over (order by began_at) as ended_at, kinds from collected order by began_at
