using Npgsql;

namespace TorchAttention.Cluster;

/// <summary>The tables of PostgreSQL in which members are written; the first silo makes them.</summary>
internal static class MemberTables
{
    // The last statement of members.sql, and of Orleans' own scripts, whose tables are as good.
    private const string Last = "SELECT count(*) FROM OrleansQuery WHERE QueryKey = 'CleanupDefunctSiloEntriesKey'";

    /// <summary>Makes the tables where they are missing.</summary>
    /// <param name="connection">What Npgsql connects by.</param>
    /// <exception cref="NpgsqlException">The database is not reached, or this user may not make tables.</exception>
    public static async Task EnsureAsync(string connection)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        if (await AreThereAsync(source))
        {
            return;
        }

        using var script = new StreamReader(typeof(MemberTables).Assembly.GetManifestResourceStream("members.sql")!);
        await using NpgsqlCommand make = source.CreateCommand(await script.ReadToEndAsync());
        await make.ExecuteNonQueryAsync();
    }

    private static async Task<bool> AreThereAsync(NpgsqlDataSource source)
    {
        await using NpgsqlCommand count = source.CreateCommand(Last);
        try
        {
            return (long)(await count.ExecuteScalarAsync())! > 0;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.UndefinedTable)
        {
            return false;
        }
    }
}
