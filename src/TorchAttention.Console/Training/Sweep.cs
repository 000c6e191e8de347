namespace TorchAttention.Cli.Training;

/// <summary>The combinations of options that <c>--sweep</c> asks for, each checked before the first is trained.</summary>
internal static class Sweep
{
    private const int MostRuns = 1000;
    private const int LongestName = 80;
    private const int DrawsForOne = 1000;
    private const string RandomName = "--sweep-random";

    // A sweep compares trainings on the same target, and is itself one run.
    private static readonly string[] _fixed =
        ["--data", "--y", "--out", TrainOptions.ResumeName, "--seeds", TrainOptions.SweepName, RandomName, "--checkpoint-steps",
            "--checkpoint-seconds"];

    /// <summary>What is swept, by option.</summary>
    /// <param name="options">What was asked for.</param>
    /// <exception cref="CliException">An option is unknown, given twice or not to be varied, or has no values.</exception>
    public static IReadOnlyList<SweptOption> OptionsOf(TrainOptions options)
    {
        var swept = new List<SweptOption>();
        foreach (string text in options.Sweep)
        {
            SweptOption one = Parse(text, options.Line);
            if (swept.Exists(other => other.Name == one.Name) || options.Arguments.Contains(one.Name))
            {
                throw Wrong(text, $"{one.Name} is given twice");
            }

            if (one.Range is not null && options.SweepRandom is null)
            {
                throw Wrong(text, $"a range needs {RandomName}; without it, list the values: {one.Key}=value,value");
            }

            swept.Add(one);
        }

        return swept;
    }

    /// <summary>The trainings, in their order: of a grid the last option varies fastest.</summary>
    /// <param name="options">What was asked for.</param>
    /// <param name="swept">What of it is swept.</param>
    /// <exception cref="CliException">A training cannot be as it is asked for.</exception>
    public static IReadOnlyList<SweepRun> Runs(TrainOptions options, IReadOnlyList<SweptOption> swept)
    {
        List<string[]> all = options.SweepRandom is int count ? Drawn(options, swept, count) : Grid(swept);
        int digits = $"{all.Count}".Length;
        return [.. all.Select((values, i) => Run(options, swept, values, $"{i + 1}".PadLeft(digits, '0')))];
    }

    private static SweptOption Parse(string text, TrainLine line)
    {
        string[] sides = text.Split('=', 2);
        string name = $"--{sides[0].TrimStart('-')}";
        Option? option = line.Options.FirstOrDefault(option => option.Name == name);
        string[] values = sides.Length == 2 ? sides[1].Split(',') : [];
        if (values.Length == 0 || values.Contains(""))
        {
            throw Wrong(text, "expected option=value,value,...");
        }

        if (option is null)
        {
            throw Wrong(text, $"train has no option {name}");
        }

        if (_fixed.Contains(name) || !line.IsOfTheTraining(option))
        {
            throw Wrong(text, $"a sweep cannot vary {name}");
        }

        Type type = Nullable.GetUnderlyingType(option.ValueType) ?? option.ValueType;
        bool isWhole = type == typeof(int) || type == typeof(ulong);
        if (values is not [string only] || only.Split("..") is not [string least, string most])
        {
            return new SweptOption(name, values, null, isWhole);
        }

        if ((!isWhole && type != typeof(double)) || !double.TryParse(least, CultureInfo.InvariantCulture, out double from)
            || !double.TryParse(most, CultureInfo.InvariantCulture, out double to) || !(from > 0 && to > from && double.IsFinite(to)))
        {
            throw Wrong(text, "expected a range of an option of numbers, from a number above 0 to a larger one");
        }

        return new SweptOption(name, [least, most], (from, to), isWhole);
    }

    private static List<string[]> Grid(IReadOnlyList<SweptOption> swept)
    {
        double count = swept.Aggregate(1.0, (product, option) => product * option.Values.Count);
        if (count > MostRuns)
        {
            throw CliException.WrongInput(
                $"{TrainOptions.SweepName}: expected at most {MostRuns} trainings, got {count:R}; {RandomName} draws some of them");
        }

        List<string[]> all = [[]];
        foreach (SweptOption option in swept)
        {
            all = [.. all.SelectMany(values => option.Values.Select(value => (string[])[.. values, value]))];
        }

        return all;
    }

    // Each once: drawn again where it is one that was drawn before.
    private static List<string[]> Drawn(TrainOptions options, IReadOnlyList<SweptOption> swept, int count)
    {
        if (count > MostRuns)
        {
            throw CliException.WrongInput($"{RandomName}: expected at most {MostRuns}, got {count}");
        }

        var random = new Random(unchecked((int)(options.Seed ^ (options.Seed >> 32))));
        var all = new List<string[]>();
        for (int tries = 0; all.Count < count; tries++)
        {
            string[] values = [.. swept.Select(option => option.Draw(random))];
            if (!all.Exists(other => other.SequenceEqual(values)))
            {
                all.Add(values);
                tries = 0;
            }
            else if (tries == DrawsForOne)
            {
                throw CliException.WrongInput(
                    $"{RandomName}: expected at most as many trainings as there are combinations, about {all.Count}, got {count}");
            }
        }

        return all;
    }

    private static SweepRun Run(TrainOptions options, IReadOnlyList<SweptOption> swept, string[] values, string number)
    {
        string what = string.Join(", ", swept.Zip(values, (option, value) => $"{option.Key}={value}"));
        string[] arguments =
        [
            .. TrainLine.Without(options.Arguments, "--out", TrainOptions.SweepName, RandomName),
            .. swept.Zip(values).SelectMany(pair => (string[])[pair.First.Name, pair.Second]),
        ];
        ParseResult parsed = TrainLine.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            throw Wrong(what, parsed.Errors[0].Message);
        }

        TrainOptions one = new TrainOptions(options.Line.Beginning(parsed)) with
        {
            Data = options.Data,
            Quiet = true,
            Json = false,
            Arguments = arguments,
        };
        try
        {
            one.Check();
        }
        catch (CliException e)
        {
            throw Wrong(what, e.Message, e);
        }

        string plain = string.Concat(what.Replace(", ", "_", StringComparison.Ordinal).Select(
            c => char.IsAsciiLetterOrDigit(c) || c is '=' or '.' or '-' or '+' or '_' ? c : '_'));
        return new SweepRun($"{number}-{plain[..Math.Min(plain.Length, LongestName)]}", what, values, one);
    }

    private static CliException Wrong(string text, string problem, Exception? inner = null) =>
        CliException.WrongInput($"{TrainOptions.SweepName} {PlainText.Brief(text, LongestName)}: {problem}", inner);
}
