-- Export the audit trail of one quarter for the regulator, oldest entry first.
COPY (
    SELECT occurred_at, actor, action, object_id
      FROM audit_trail
     WHERE occurred_at >= :quarter_start AND occurred_at < :quarter_end
     ORDER BY occurred_at, entry_id
) TO STDOUT WITH (FORMAT csv, HEADER);
