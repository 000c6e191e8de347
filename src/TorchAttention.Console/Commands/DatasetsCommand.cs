namespace TorchAttention.Cli.Commands;

/// <summary>Lists the data that comes with the program.</summary>
internal static class DatasetsCommand
{
    public static Command Create()
    {
        var command = new Command("datasets", "List the built-in data sets, their columns and their sources");
        command.SetAction(_ => Write(Console.Out));
        return command;
    }

    private static void Write(TextWriter output)
    {
        output.WriteLine("nonlinear  2 sin(x) + x^0.8 + noise on [0, 5), drawn for a seed");
        output.WriteLine("           as many rows as --n says; source: d2l.ai, \"Attention Pooling\"");
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
