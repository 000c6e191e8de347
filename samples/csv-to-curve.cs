// A curve with its 95% band through two columns of a CSV file, as values and as a picture; leave-one-out finds the bandwidth.
// dotnet run samples/csv-to-curve.cs prints "133 rows: h = 1.476, "; then give it a file of yours: samples/csv-to-curve.cs FILE.csv X Y.
// Outside the repository, packages take the place of the projects: #:package TorchAttention.Numerics@0.1.0, and so on.

#:project ../src/TorchAttention.Numerics/TorchAttention.Numerics.csproj
#:project ../src/TorchAttention.Plotting/TorchAttention.Plotting.csproj
#:property UseCurrentRuntimeIdentifier=true
#:property PublishAot=false

using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Tables;
using TorchAttention.Plotting;

if (args.Length is not (0 or 3))
{
    Console.Error.WriteLine("usage: dotnet run samples/csv-to-curve.cs [FILE.csv X Y]");
    return 2;
}

try
{
    // Without a file, a table that comes with the library: the head of a dummy in a simulated crash, its acceleration over time.
    Table table = args is [string file, string xName, string yName]
        ? CsvTable.Read(file, [xName, yName])
        : BuiltInTable.Find("mcycle")!.Read(_ => ["times", "accel"]);
    double[] x = table[0].ToArray();
    double[] y = table[1].ToArray();

    KernelRegression curve = KernelRegression.Fit(x, y, new KernelRegressionOptions { Degree = 1 });
    Console.WriteLine($"{table.RowCount} rows: h = {curve.Bandwidths[0]:G4}, "
        + $"{curve.Diagnostics.EffectiveDegreesOfFreedom:F1} degrees of freedom, R2 = {curve.Diagnostics.RSquared[0]:F3}");

    double[] grid = [.. Enumerable.Range(0, 201).Select(i => x.Min() + ((x.Max() - x.Min()) * i / 200))];
    Predictions at = curve.Predict(grid);
    foreach (int i in new[] { 0, 50, 100, 150, 200 })
    {
        Console.WriteLine($"{table.Columns[0]} = {grid[i]:G4}: {at.Mean[i]:G4}, between {at.Lower[i]:G4} and {at.Upper[i]:G4}");
    }

    Figures.PlotRegression(x, y, grid, at, level: 0.95, table.Columns[0], table.Columns[1]).Save("curve.png");
    curve.Save("curve.safetensors");
    return 0;
}
catch (TableException e)
{
    Console.Error.WriteLine($"error: {e.Message}");
    return 2;
}
