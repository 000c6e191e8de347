namespace TorchAttention.Numerics.Tables;

/// <summary>A small real data set that comes with the library, with its source.</summary>
public sealed class BuiltInTable
{
    private BuiltInTable(string name, string title, string source, string x, string y, int rowCount)
    {
        Name = name;
        Title = title;
        Source = source;
        X = x;
        Y = y;
        RowCount = rowCount;
    }

    /// <summary>Every data set that comes with the library, by name.</summary>
    public static IReadOnlyList<BuiltInTable> All { get; } =
    [
        new(
            "ethanol",
            "Nitrogen oxides in the exhaust of an engine that burns ethanol: NOx (ug/J), compression ratio C, equivalence ratio E",
            "N. D. Brinkman (1981), SAE Transactions 90, 1410-1424; as in R's lattice", "E", "NOx", 88),
        new("faithful", "Old Faithful geyser: duration of an eruption and the wait until the next (minutes)",
            "A. Azzalini and A. W. Bowman (1990), Applied Statistics 39, 357-365; as in R's datasets", "eruptions", "waiting", 272),
        new("iris", "Sepals and petals of three species of iris (cm)",
            "E. Anderson (1935), Bulletin of the American Iris Society 59, 2-5; R. A. Fisher (1936); as in R's datasets", "Petal.Length",
                "Petal.Width", 150),
        new("mcycle", "Simulated motorcycle impact: time after it (ms) and acceleration of the head (g)",
            "B. W. Silverman (1985), Journal of the Royal Statistical Society B 47, 1-52; as in R's MASS", "times", "accel", 133),
    ];

    /// <summary>The name to ask for it by.</summary>
    public string Name { get; }

    /// <summary>What was measured, with units.</summary>
    public string Title { get; }

    /// <summary>Who published it, and where the file follows.</summary>
    public string Source { get; }

    /// <summary>The column that serves as x where none is named.</summary>
    public string X { get; }

    /// <summary>The column that serves as y where none is named.</summary>
    public string Y { get; }

    /// <summary>The number of rows.</summary>
    public int RowCount { get; }

    /// <summary>Finds a data set.</summary>
    /// <param name="name">Its name, in any case.</param>
    /// <returns>The data set, or null where there is none of that name.</returns>
    public static BuiltInTable? Find(string name) =>
        All.FirstOrDefault(table => table.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    /// <summary>The data set as CSV text.</summary>
    /// <returns>A reader that the caller disposes.</returns>
    public TextReader Open() =>
        new StreamReader(typeof(BuiltInTable).Assembly.GetManifestResourceStream($"{Name}.csv")
            ?? throw new InvalidOperationException($"The data set '{Name}' is missing from the assembly."));

    /// <summary>Reads the columns one asks for.</summary>
    /// <param name="choose">Given the header's names, the columns to read, in the order wanted.</param>
    /// <returns>The chosen columns.</returns>
    /// <exception cref="TableException">A chosen column does not exist or is not of numbers.</exception>
    public Table Read(Func<IReadOnlyList<string>, IReadOnlyList<string>> choose)
    {
        using TextReader reader = Open();
        return CsvTable.Read(reader, Name, choose);
    }
}
