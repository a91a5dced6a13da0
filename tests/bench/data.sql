-- Fills an empty portal. Names in braces come from tests/bench/plan.py; statements end with a semicolon at the
-- end of a line. What it writes is what `locations.projection.project` would; `locations.drift` is asked afterwards.

CREATE TEMP TABLE site AS
SELECT row_number() OVER (ORDER BY hashint8extended(nth, o.number)) AS id, o.number AS organisation, nth
FROM installer o, generate_series(1, o.sites) AS nth;
CREATE TEMP TABLE drawn AS
SELECT id, organisation, nth, id % 4 AS shares,
    abs(hashint8extended(id, 1)) % {streets} AS street, 1 + abs(hashint8extended(id, 2)) % 240 AS house,
    1 + abs(hashint8extended(id, 3)) % {cities} AS city, 1 + abs(hashint8extended(id, 4)) % 3 AS level,
    abs(hashint8extended(id, 5)) AS chance
FROM site;
ANALYZE drawn;

INSERT INTO auth_group (id, name)
SELECT n, 'organisation ' || n FROM generate_series(1, {organisations}) AS n;
INSERT INTO organisations_organisation (id, uuid, name, country, language, accepts_shares, join_domains,
    requires_two_step, review_every, key_nonce, key_digest, created_at, group_id)
SELECT n, gen_random_uuid(), 'Organisation ' || n, 'DK', 'en-gb', true, '', false, 12, left(md5(n::text), 22),
    md5(n::text), now(), n
FROM generate_series(1, {organisations}) AS n;
INSERT INTO portal_user (id, password, is_superuser, uuid, email, name, language, is_staff, is_active, date_joined)
SELECT n, '!', false, gen_random_uuid(), 'person' || n || '@bench.example', 'Person ' || n, 'en-gb', false, true, now()
FROM generate_series(1, {people}) AS n;
INSERT INTO organisations_membership (uuid, role, since, user_id, organisation_id)
SELECT gen_random_uuid(), CASE WHEN person = min(person) OVER (PARTITION BY organisation) THEN 'administrator'
    ELSE 'member' END, now(), person, organisation
FROM member;
INSERT INTO portal_user_groups (user_id, group_id) SELECT person, organisation FROM member;

INSERT INTO locations_location (id, uuid, name, street, postal_code, city, country, category, time_zone, currency,
    grid_type, phases, main_fuse, usable_share, fallback_current, notes, sort_name, search_text, created_at, archived_at)
SELECT d.id, gen_random_uuid(), whole, whole, '8000', c.name, 'DK', 'normal', 'Europe/Copenhagen', 'DKK',
    'TN', 3, 16, 95, 0, '', sort || ' ' || lpad(house::text, 8, '0'),
    search || ' ' || house || ' ' || search || ' ' || house || ', 8000 ' || lower(c.name), now(),
    CASE WHEN d.id % 50 = 0 THEN now() END
FROM (
    SELECT id, city, CASE WHEN organisation = {prefixed} THEN nth ELSE house END AS house,
        CASE WHEN organisation = {prefixed} THEN {streets} ELSE street END AS street FROM drawn
) AS d JOIN street s ON s.number = d.street JOIN city c ON c.number = d.city,
LATERAL (SELECT s.name || ' ' || house AS whole) AS named
ORDER BY d.id;

INSERT INTO locations_access (id, uuid, level, reason, since, given_by_id, organisation_id, location_id)
SELECT id, gen_random_uuid(), 3, 'installed', now(), administrator, organisation, id
FROM drawn JOIN installer ON number = organisation ORDER BY id;
INSERT INTO locations_access (id, uuid, level, reason, since, given_by_id, given_through_id, user_id, location_id)
SELECT {size} + id, gen_random_uuid(), 3, 'owner', now(), administrator, id,
    {first_customer} + chance % {customers}, id
FROM drawn JOIN installer ON number = organisation WHERE shares >= 1 ORDER BY id;
INSERT INTO locations_access (id, uuid, level, reason, since, given_by_id, given_through_id, organisation_id,
    location_id)
SELECT 2 * {size} + id, gen_random_uuid(), level, 'organisation', now(), administrator, id,
    {first_operator} + chance % {operators}, id
FROM drawn JOIN installer ON number = organisation WHERE shares >= 2 ORDER BY id;
INSERT INTO locations_access (id, uuid, level, reason, since, given_by_id, given_through_id, user_id, ends_at,
    location_id)
SELECT 3 * {size} + id, gen_random_uuid(), level, 'email', now(), administrator, id,
    {first_contractor} + chance % {contractors},
    CASE WHEN chance % 10 = 0 THEN date_trunc('second', now()) + interval '90 days' END, id
FROM drawn JOIN installer ON number = organisation WHERE shares = 3 ORDER BY id;

INSERT INTO locations_locationgrouppermission (archived, sort_name, search_text, ends_at, content_object_id,
    group_id, permission_id)
SELECT archived_at IS NOT NULL, sort_name,
    CASE WHEN p.level = 1 THEN search_text ELSE '' END, ends_at, location_id, organisation_id, permission
FROM locations_access a JOIN locations_location l ON l.id = location_id JOIN permits p ON p.level <= a.level
WHERE organisation_id IS NOT NULL;
INSERT INTO locations_locationuserpermission (archived, sort_name, search_text, ends_at, content_object_id,
    user_id, permission_id)
SELECT archived_at IS NOT NULL, sort_name,
    CASE WHEN p.level = 1 THEN search_text ELSE '' END, ends_at, location_id, user_id, permission
FROM locations_access a JOIN locations_location l ON l.id = location_id JOIN permits p ON p.level <= a.level
WHERE user_id IS NOT NULL;

-- An invitation per location; a thousand of them, anywhere among the others, are due to expire.
INSERT INTO sharing_invitation (uuid, email, language, state, nonce, code_digest, invited_at, expires_at,
    settled_at, settled_by_id, kind, level, message, works_once, uses, invited_by_id, invited_through_id, location_id)
SELECT gen_random_uuid(), 'guest' || id || '@bench.example', 'en-gb', state, left(md5(id::text), 22),
    md5('code' || id), now() - interval '9 days',
    CASE WHEN id % ({size} / 1000) = 0 THEN now() - interval '2 days' ELSE now() + interval '90 days' END,
    CASE WHEN state = 'accepted' THEN now() END, CASE WHEN state = 'accepted' THEN administrator END,
    'person', 1, '', false, 0, administrator, id, id
FROM drawn JOIN installer ON number = organisation,
LATERAL (SELECT CASE WHEN id % ({size} / 1000) = 0 OR id % 3 = 0 THEN 'pending' ELSE 'accepted' END AS state) AS was
ORDER BY id;
