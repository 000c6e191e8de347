-- What Orleans keeps of members in PostgreSQL, 10 or later. It reads its statements from OrleansQuery, by key, and knows the names of
-- parameters and columns; a statement that changes a member says in one number whether it did. What is there already stays as it is.
BEGIN;

-- Silos that start at once make them once.
SELECT pg_advisory_xact_lock(hashtext('torchattention members'));

CREATE TABLE IF NOT EXISTS OrleansQuery (
    QueryKey varchar(64) PRIMARY KEY,
    QueryText varchar(8000) NOT NULL);

CREATE TABLE IF NOT EXISTS OrleansMembershipVersionTable (
    DeploymentId varchar(150) PRIMARY KEY,
    Timestamp timestamptz(3) NOT NULL DEFAULT now(),
    Version integer NOT NULL DEFAULT 0);

CREATE TABLE IF NOT EXISTS OrleansMembershipTable (
    DeploymentId varchar(150) NOT NULL REFERENCES OrleansMembershipVersionTable,
    Address varchar(45) NOT NULL,
    Port integer NOT NULL,
    Generation integer NOT NULL,
    SiloName varchar(150) NOT NULL,
    HostName varchar(150) NOT NULL,
    Status integer NOT NULL,
    ProxyPort integer,
    SuspectTimes varchar(8000),
    StartTime timestamptz(3) NOT NULL,
    IAmAliveTime timestamptz(3) NOT NULL,
    PRIMARY KEY (DeploymentId, Address, Port, Generation));

-- Members change in turns: who changes one counts the version up from the one that was read, and whose version has passed changes nothing.
INSERT INTO OrleansQuery (QueryKey, QueryText) VALUES
('InsertMembershipVersionKey', $$
    WITH made AS (
        INSERT INTO OrleansMembershipVersionTable (DeploymentId) VALUES (@DeploymentId) ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*)::integer FROM made
$$),
('InsertMembershipKey', $$
    WITH turn AS (
        UPDATE OrleansMembershipVersionTable SET Version = Version + 1, Timestamp = now()
        WHERE DeploymentId = @DeploymentId AND Version = @Version AND NOT EXISTS (
            SELECT FROM OrleansMembershipTable
            WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation)
        RETURNING 1),
    made AS (
        INSERT INTO OrleansMembershipTable (
            DeploymentId, Address, Port, Generation, SiloName, HostName, Status, ProxyPort, StartTime, IAmAliveTime)
        SELECT
            @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime
        FROM turn
        RETURNING 1)
    SELECT count(*)::integer FROM made
$$),
('UpdateMembershipKey', $$
    WITH turn AS (
        UPDATE OrleansMembershipVersionTable SET Version = Version + 1, Timestamp = now()
        WHERE DeploymentId = @DeploymentId AND Version = @Version AND EXISTS (
            SELECT FROM OrleansMembershipTable
            WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation)
        RETURNING 1),
    changed AS (
        UPDATE OrleansMembershipTable SET Status = @Status, SuspectTimes = @SuspectTimes, IAmAliveTime = @IAmAliveTime
        FROM turn
        WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation
        RETURNING 1)
    SELECT count(*)::integer FROM changed
$$),
('UpdateIAmAlivetimeKey', $$
    UPDATE OrleansMembershipTable SET IAmAliveTime = @IAmAliveTime
    WHERE DeploymentId = @DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation
$$),
('MembershipReadRowKey', $$
    SELECT version.DeploymentId, version.Version, Address, Port, Generation, SiloName, HostName, Status, ProxyPort, SuspectTimes,
        StartTime, IAmAliveTime
    FROM OrleansMembershipVersionTable version LEFT JOIN OrleansMembershipTable member
        ON member.DeploymentId = version.DeploymentId AND Address = @Address AND Port = @Port AND Generation = @Generation
    WHERE version.DeploymentId = @DeploymentId
$$),
('MembershipReadAllKey', $$
    SELECT version.DeploymentId, version.Version, Address, Port, Generation, SiloName, HostName, Status, ProxyPort, SuspectTimes,
        StartTime, IAmAliveTime
    FROM OrleansMembershipVersionTable version LEFT JOIN OrleansMembershipTable member ON member.DeploymentId = version.DeploymentId
    WHERE version.DeploymentId = @DeploymentId
$$),
('DeleteMembershipTableEntriesKey', $$
    DELETE FROM OrleansMembershipTable WHERE DeploymentId = @DeploymentId;
    DELETE FROM OrleansMembershipVersionTable WHERE DeploymentId = @DeploymentId
$$),
('GatewaysQueryKey', $$
    SELECT Address, ProxyPort, Generation FROM OrleansMembershipTable
    WHERE DeploymentId = @DeploymentId AND Status = @Status AND ProxyPort > 0
$$),
('CleanupDefunctSiloEntriesKey', $$
    DELETE FROM OrleansMembershipTable WHERE DeploymentId = @DeploymentId AND IAmAliveTime < @IAmAliveTime AND Status <> 3
$$)
ON CONFLICT DO NOTHING;

COMMIT;
