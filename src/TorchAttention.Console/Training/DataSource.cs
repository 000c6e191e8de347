using System.Security.Cryptography;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Data;
using TorchAttention.Files;
using TorchAttention.Numerics;
using TorchSharp;

namespace TorchAttention.Cli.Training;

/// <summary>The data that <c>train</c> was asked for: read and checked before libtorch is loaded, turned into tensors after.</summary>
internal sealed class DataSource
{
    public const string Nonlinear = "nonlinear";
    public const int DefaultN = 50;
    public const int DefaultBatchSize = 10;
    public const double DefaultNoiseStd = 0.5;
    public const double DefaultValidationFraction = 0.2;

    private readonly TrainOptions _options;
    private readonly Table? _table;

    private DataSource(TrainOptions options, string name, Table? table)
    {
        _options = options;
        _table = table;
        Name = name;
    }

    /// <summary>A short name for folders and titles.</summary>
    public string Name { get; }

    public bool IsTable => _table is not null;

    /// <summary>Whether the table is a file of the user's.</summary>
    public bool IsFile { get; private init; }

    public int RowCount => _table?.RowCount ?? 0;

    /// <summary>The inputs' columns.</summary>
    public IReadOnlyList<string> XLabels => _table is null ? ["x"] : [.. _table.Columns.SkipLast(1)];

    public string YLabel => _table?.Columns[^1] ?? "y";

    public static DataSource Open(TrainOptions options)
    {
        options.Line.Check(options, ofData: true);
        if (options.IsNonlinear)
        {
            return options.LeaveOneOut && options.N == 1
                ? throw CliException.WrongInput("--leave-one-out: expected --n of at least 2, got 1")
                : new DataSource(options, Nonlinear, null);
        }

        if (options.X is not null && options.Y is not null && options.X.Split(',').Contains(options.Y))
        {
            throw CliException.WrongInput($"--y: '{options.Y}' is the column of --x; expected another one");
        }

        if (BuiltInTable.Find(options.Data) is BuiltInTable builtIn)
        {
            return new DataSource(options, builtIn.Name, Check(builtIn.Read(_ => ChooseColumns(builtIn.X, builtIn.Y, options))));
        }

        if (!File.Exists(options.Data) && !Directory.Exists(options.Data) && !options.Data.AsSpan().ContainsAny('/', '\\', '.'))
        {
            string names = string.Join(", ", BuiltInTable.All.Select(table => table.Name).Prepend(Nonlinear));
            throw CliException.WrongInput(
                $"--data: no data set or file '{PlainText.Brief(options.Data)}'; the built-in data sets are {names}");
        }

        DataStream.RefuseClosed("--data", options.Data);
        Table table = Check(Examples.Advised(
            () => TableFile.Read(options.Data, header => ChooseColumns(header, options), options.ReadFile())));
        return new DataSource(options, Path.GetFileNameWithoutExtension(options.Data), table) { IsFile = true };
    }

    /// <summary>Refuses what the machine's memory cannot hold: asked for too much, the system ends the process without a word.</summary>
    public void CheckMemory()
    {
        // An example itself is a few numbers in several forms.
        double matrices = _options.Model.MatricesInAStep(_options);
        const double numbers = 16;
        double examples = _table?.RowCount ?? _options.N;
        double batch = Math.Min(_options.BatchSize, examples);
        double needed = sizeof(float) * examples * ((matrices * batch) + numbers);
        double available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (needed > available)
        {
            string option = batch > DefaultBatchSize ? "--batch-size" : _table is null ? "--n" : "--data";
            throw CliException.WrongInput(
                $"{option}: {examples} examples in mini-batches of {batch} need about {needed / (1 << 30):F0} GiB, this machine has "
                    + $"{available / (1 << 30):F0}");
        }
    }

    /// <summary>The tensors; needs libtorch.</summary>
    public RegressionData ToTensors(torch.Device device)
    {
        if (_table is null)
        {
            return WithFiniteSquares(new NonlinearData(_options.N, _options.BatchSize, _options.NoiseStd, _options.Seed, device));
        }

        try
        {
            double[][] columns = [.. XLabels.Select((_, j) => _table[j].ToArray())];
            return new TabularData(columns, _table[XLabels.Count], _options.BatchSize, _options.ValidationFraction, _options.Seed, device);
        }
        catch (RegressionDataException e)
        {
            throw new TableException(TableProblem.Unusable, _table.Name, e)
            {
                Column = e.Feature is int feature ? XLabels[feature] : YLabel,
                Expected = e.Expected,
                Found = e.Got,
            };
        }
    }

    /// <summary>What h is counted in: of one column its own units, of several the deviations of each.</summary>
    public static double Unit(RegressionData data) => data.XScales.Count == 1 ? data.XScale.Deviation : 1;

    /// <summary>What identifies the data of a run.</summary>
    public static string Digest(RegressionData data)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (torch.Tensor part in (torch.Tensor[])[data.XTrain, data.YTrain, data.XVal, data.YVal])
        {
            using torch.Tensor here = part.cpu();
            hash.AppendData(here.bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private NonlinearData WithFiniteSquares(NonlinearData data)
    {
        double largest = data.YTrain.abs().max().ToDouble();
        if (float.IsFinite((float)(largest * largest * data.YTrain.shape[0])))
        {
            return data;
        }

        data.Dispose();
        throw CliException.WrongInput(
            $"--noise-std: {_options.NoiseStd} is too large; the sum of the targets' squares does not fit float32");
    }

    private static IReadOnlyList<string> ChooseColumns(IReadOnlyList<string> header, TrainOptions options)
    {
        if (header.Count != 2 && (options.X is null || options.Y is null))
        {
            throw CliException.WrongInput(
                $"{PlainText.Brief(options.Data, 500)}: name the columns with --x and --y; "
                    + CsvTable.Describe(header, options.ReadFile().Delimiter));
        }

        return ChooseColumns(header[0], header[^1], options);
    }

    // Who names one of the two means the other one by the other option.
    private static IReadOnlyList<string> ChooseColumns(string first, string second, TrainOptions options)
    {
        string[] x = options.X?.Split(',') ?? [options.Y == first ? second : first];
        if (x.Distinct().Count() < x.Length || x.Contains(""))
        {
            throw CliException.WrongInput($"--x: expected names of columns, each once, got '{options.X}'");
        }

        return [.. x, options.Y ?? (x is [string one] && one == second ? first : second)];
    }

    private static Table Check(Table table)
    {
        if (table.RowCount < 3)
        {
            throw new TableException(TableProblem.TooFewRows, table.Name)
            {
                Expected = "at least 3 rows, 2 to train on and 1 to validate with",
                Found = $"{table.RowCount}",
            };
        }

        for (int i = 0; i < table.Columns.Count; i++)
        {
            if (!Standardization.TryOf(table[i], out _, out (string Expected, string Got) problem))
            {
                throw new TableException(TableProblem.Unusable, table.Name)
                {
                    Column = table.Columns[i],
                    Expected = problem.Expected,
                    Found = problem.Got,
                };
            }
        }

        return table;
    }
}
