-- name: WorksHere
SELECT id FROM person WHERE id = $1 AND role NOT IN ('end-user') AND key_id IS NOT NULL
  AND suspended_at IS NULL AND frozen_at IS NULL AND deleted_at IS NULL AND erased_at IS NULL;

-- name: IsPerson
SELECT id FROM person WHERE id = $1;

-- name: Insert
INSERT INTO dial_attempt (id, agent_id, path, outcome, day, at, ended_at, seconds, cost_micros)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: Done
UPDATE dial_attempt SET ended_at = $2, seconds = $3, cost_micros = $4 WHERE id = $1 AND ended_at IS NULL;

-- name: CloseAll
UPDATE dial_attempt SET ended_at = $1 WHERE ended_at IS NULL;

-- name: Used
SELECT CAST(COALESCE(SUM(seconds), 0) AS BIGINT), CAST(COALESCE(SUM(cost_micros), 0) AS BIGINT)
FROM dial_attempt WHERE day = $1 AND outcome = 'allowed' AND (CAST($2 AS BIGINT) = 0 OR agent_id = $2);

-- name: Open
SELECT COUNT(*) FROM dial_attempt WHERE ended_at IS NULL AND path <> 'text' AND outcome = 'allowed' AND (CAST($1 AS BIGINT) = 0 OR agent_id = $1);

-- name: Countries
SELECT region FROM dial_country ORDER BY region;

-- name: Allowed
SELECT region FROM dial_country WHERE region = $1;

-- name: ClearCountries
DELETE FROM dial_country;

-- name: AddCountry
INSERT INTO dial_country (region) VALUES ($1);

-- name: Rates
SELECT prefix, micros FROM dial_rate ORDER BY prefix;

-- name: ClearRates
DELETE FROM dial_rate;

-- name: AddRate
INSERT INTO dial_rate (prefix, micros) VALUES ($1, $2);

-- name: Texts
SELECT COUNT(*) FROM dial_attempt
WHERE day = $1 AND path = 'text' AND outcome = 'allowed' AND (CAST($2 AS BIGINT) = 0 OR agent_id = $2);
