using TorchAttention.Cli.OnePass;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Numerics.Regression;

namespace TorchAttention.Cli.Commands;

/// <summary>Reads the rows of a part once and saves their moments, which fit adds to those of other parts.</summary>
internal static class MomentsCommand
{
    private static readonly Dictionary<string, SqlDialect> _dialects = Options.Names<SqlDialect>();

    public static Command Create()
    {
        var file = new CsvFileOptions();
        Option<string?> data = Options.Text(
            Options.Data, "file", "A CSV file with a header row, a pattern such as 'part-*.csv', or - for standard input");
        Option<string?> x = Options.Text("--x", "columns", "The key's column; two or three are separated by commas");
        Option<string?> y = Options.Text("--y", "columns", "The value's column; several are separated by commas");
        Option<string?> weights = ExamplesOptions.WeightsOption();
        Option<WeightMeaning> weightsAre = ExamplesOptions.MeaningOption();
        Option<bool> classes = ExamplesOptions.ClassesOption();
        Option<int?> folds = Options.WholeNumber(
            "--folds",
            "How many folds rows are dealt to, each with moments of its own: 10 for fit --moments --bandwidth kfold (default none)",
            least: 2);
        Option<string?> grid = Options.Text(
            "--grid", "file", "Moments whose cells these are cut as, so that both add up: those of the first part, or a database's answer");
        Option<double[]?> cell = OnePassOptions.Cell();
        Option<int?> degree = FitOptions.DegreeOption(
            "The degree that they are for: 0, or 1 as well, in half as much again; of several features they are for both (default 0)");
        Option<string?> output = Options.Text("--out", "file", "Where the moments go");
        Option<bool> quiet = Options.Quiet();
        Option<string?> sql = Options.Text(
            "--sql",
            "database",
            $"Read nothing and print the query whose answer, as CSV, fit --moments reads: {string.Join(", ", _dialects.Keys)}");
        Option<string?> table = Options.Text("--table", "name", "The table of the query");
        const string purpose = "Read rows once and save their moments: kilobytes that add up over files and machines, for fit --moments";
        var command = new Command("moments", purpose) { Options.DataAlone(), data, x, y, weights, weightsAre, classes };
        file.AddTo(command);
        command.AddAll(grid, cell, degree, folds, output, quiet, sql, table);
        command.SetAction(parsed => parsed.GetValue(sql) is string database ? Print(
            database,
            parsed.GetValue(table),
            parsed.GetValue(x),
            parsed.GetValue(y),
            parsed.NumbersOf(cell),
            parsed.GetValue(weights),
            FitOptions.DegreeOf(parsed, degree),
            parsed.GetValue(classes) ? "--classes" : parsed.GetValue(folds) is not null ? "--folds"
                : ExamplesOptions.MeaningOf(parsed, weights, weightsAre) != default ? "--weights-are frequencies" : null) : Run(
            new RowFiles(
                parsed.GetValue(data) ?? throw CliException.WrongInput("--data: expected a file, got none"),
                parsed.GetValue(x),
                parsed.GetValue(y),
                parsed.GetValue(weights),
                file.Read(parsed),
                parsed.GetValue(classes),
                weightsAre: ExamplesOptions.MeaningOf(parsed, weights, weightsAre)),
            parsed.GetValue(grid),
            new Cut(parsed.NumbersOf(cell), FitOptions.DegreeOf(parsed, degree), parsed.GetValue(folds) ?? 0),
            parsed.GetValue(output) ?? throw CliException.WrongInput("--out: expected a file, got none"),
            parsed.GetValue(quiet)));
        return command;
    }

    private static int Print(
        string database, string? table, string? x, string? y, double[]? cell, string? weights, int degree, string? other)
    {
        if (other is not null)
        {
            throw CliException.WrongInput($"{other}: expected none beside --sql, whose sums are of values and of all rows together");
        }

        string[] features = x?.Split(',') ?? [];
        if (features.Length > 2 || (features.Length == 2 && weights is not null))
        {
            throw CliException.WrongInput(
                $"--x: expected {(features.Length > 2 ? "at most two columns" : "one column beside --weights")} and --sql, got "
                    + $"{features.Length}: a database's answer has no room for so many sums");
        }

        if (cell?.Length > Math.Max(1, features.Length))
        {
            throw CliException.WrongInput(
                $"--cell: expected one width{(features.Length > 1 ? ", or one for each of 2 features," : "")} beside --sql, got "
                    + $"{cell.Length}");
        }

        SqlDialect dialect = _dialects.TryGetValue(database.ToLowerInvariant(), out SqlDialect known) ? known
            : throw CliException.WrongInput(
                $"--sql: expected one of {string.Join(", ", _dialects.Keys)}, got '{PlainText.Brief(database)}'");
        string missing = table is null ? "--table" : x is null ? "--x" : y is null ? "--y" : cell is null ? "--cell" : "";
        string query = missing.Length == 0 ? Query(dialect, table!, features, y!.Split(','), cell!, degree, weights)
            : throw CliException.WrongInput($"--sql: expected --table, --x, --y and --cell beside it, got no {missing}");
        foreach (string line in query.TrimEnd().Split('\n'))
        {
            Console.WriteLine(line);
        }

        return ExitCode.Done;
    }

    private static string Query(
        SqlDialect dialect, string table, string[] x, string[] y, double[] cell, int degree, string? weights)
    {
        string[] values = [.. y.Select(name => name.Trim())];
        try
        {
            return x.Length == 1 ? MomentQuery.Create(dialect, table, x[0], values, cell[0], degree, weights)
                : BoxQuery.Create(dialect, table, [.. x.Select(name => name.Trim())], values, [cell[0], cell[^1]]);
        }
        catch (ArgumentException e) when (e.ParamName == "y")
        {
            throw CliException.WrongInput(
                $"--y: expected columns separated by commas, few enough for the query's answer, got {y.Length}", e);
        }
        catch (ArgumentException e) when (e.ParamName == "x")
        {
            throw CliException.WrongInput("--x: expected the name of a column, or of two with a comma between them, got an empty one", e);
        }
    }

    private static int RunBoxes(RowFiles files, string? gridFile, bool isOfBoxes, Cut cut, string output, bool isQuiet)
    {
        MomentsOfFiles<BoxMoments>? like = gridFile is null ? null
            : isOfBoxes ? MomentFiles.LoadBoxes([gridFile])
            : throw CliException.WrongInput($"--grid: expected moments of {files.Features} features, got those of one");
        if (like is not null && like.Moments.Grid.Features != files.Features)
        {
            throw CliException.WrongInput(
                $"--x: expected as many columns as the moments of --grid have, {like.Moments.Grid.Features}, got {files.Features}");
        }

        if (like?.Moments.Grid is { } grid)
        {
            CheckLike(files, grid.HasWeights, grid.HasClasses, grid.Columns);
        }

        return Save(files, MomentFiles.OfBoxes(files, cut), like, output, isQuiet, moments => (moments.Boxes, moments.Grid.Widths));
    }

    private static int Save<T>(
        RowFiles files,
        MomentFiles<T> reader,
        MomentsOfFiles<T>? like,
        string output,
        bool isQuiet,
        Func<T, (int Count, IReadOnlyList<double> Widths)> cellsOf)
        where T : class, IRowSums<T>
    {
        using var interruption = new Interruption();
        try
        {
            MomentsOfFiles<T> read = ProgressBar.Show(
                "read", isQuiet, progress => reader.Read(like?.Moments, null, progress, interruption.Token));
            interruption.Write(() => read.Save(output));
            if (!isQuiet)
            {
                string dropped = read.LeftOut.Missing > 0 ? $" ({read.LeftOut.Missing} with missing numbers left out)" : "";
                (int cells, IReadOnlyList<double> widths) = cellsOf(read.Moments);
                Console.WriteLine($"{output}: {read.Rows} rows{dropped} in {cells} cells, "
                    + $"{string.Join(" by ", widths.Select(width => Digits.Short(width)))} wide");
            }

            return ExitCode.Done;
        }
        catch (RegressionDataException e)
        {
            throw files.Unusable(e);
        }
    }

    private static int Run(RowFiles files, string? gridFile, Cut cut, string output, bool isQuiet)
    {
        if (output == Examples.Standard)
        {
            throw CliException.WrongInput("--out: expected a file, as moments are no text, got - for standard output");
        }

        OutputPath.Check("--out", output);
        foreach (string path in files.Paths.Where(File.Exists))
        {
            OutputPath.Differs("--out", output, path, "a file of the data");
        }

        if (gridFile is not null)
        {
            OutputPath.Differs("--out", output, gridFile, "--grid");
        }

        string? given = cut.Cell is not null ? "--cell" : cut.Degree > 0 ? "--degree" : cut.Folds > 0 ? "--folds" : null;
        if (gridFile is not null && given is not null)
        {
            throw CliException.WrongInput($"{given}: expected none beside --grid, which has it");
        }

        if (files.AreClasses && cut.Degree > 0)
        {
            throw FitOptions.DegreeOfClasses($"{cut.Degree}");
        }

        if (cut.Folds > MomentGrid.MostFolds)
        {
            throw CliException.WrongInput($"--folds: expected at most {MomentGrid.MostFolds}, got {cut.Folds}");
        }

        cut.Check(files.Features);
        bool isOfBoxes = gridFile is not null && MomentFiles.AreOfBoxes(gridFile);
        if (files.Features > 1 || isOfBoxes)
        {
            return RunBoxes(files, gridFile, isOfBoxes, cut, output, isQuiet);
        }

        MomentsOfFiles<Moments>? like = gridFile is null ? null : MomentFiles.LoadCells([gridFile]);
        if (like?.Moments.Grid is { } grid)
        {
            CheckLike(files, grid.HasWeights, grid.HasClasses, grid.Columns);
        }

        return Save(files, MomentFiles.OfCells(files, cut), like, output, isQuiet, moments => (moments.Cells, [moments.Grid.CellWidth]));
    }

    private static void CheckLike(RowFiles files, bool hasWeights, bool hasClasses, int columns)
    {
        if (files.Weights is not null && !hasWeights)
        {
            throw CliException.WrongInput("--weights: expected a --grid of moments with weights, got one without");
        }

        if (hasClasses != files.AreClasses)
        {
            throw CliException.WrongInput(
                files.AreClasses ? "--classes: expected a --grid of moments of classes, got one of values"
                    : "--grid: expected moments of values, got those of classes; add --classes");
        }

        if (!files.AreClasses && columns != files.Targets)
        {
            throw CliException.WrongInput($"--y: expected as many columns as the moments of --grid have, {columns}, got {files.Targets}");
        }
    }
}
