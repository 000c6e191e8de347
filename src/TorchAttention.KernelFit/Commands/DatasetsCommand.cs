namespace TorchAttention.Cli.Commands;

/// <summary>Lists the data that comes with the program.</summary>
internal static class DatasetsCommand
{
    public static Command Create(string? drawn)
    {
        var command = new Command("datasets", "List the built-in data sets, their columns and their sources");
        command.SetAction(_ => Write(Console.Out, drawn));
        return command;
    }

    private static void Write(TextWriter output, string? drawn)
    {
        if (drawn is not null)
        {
            output.WriteLine(drawn);
        }

        foreach (BuiltInTable table in BuiltInTable.All)
        {
            IReadOnlyList<string> columns = [];
            table.Read(header =>
            {
                columns = header;
                return [];
            });
            output.WriteLine($"{table.Name,-10} {table.Title}");
            output.WriteLine(
                $"           {table.RowCount} rows; columns {string.Join(", ", columns)}; by default --x {table.X} --y {table.Y}");
            output.WriteLine($"           source: {table.Source}");
        }
    }
}
