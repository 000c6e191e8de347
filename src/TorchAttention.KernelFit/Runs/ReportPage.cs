using System.Net;
using System.Text;
using TorchAttention.Numerics.Storage;
using TorchAttention.Plotting;
using static TorchAttention.Cli.Output.Digits;

namespace TorchAttention.Cli.Runs;

/// <summary>
/// One run as one page that needs nothing beside it: styles are in it, pictures are SVG in it, and of a fit the curve that moves.
/// </summary>
internal static class ReportPage
{
    private const string Attention = "-attention";

    // What the part that moves shows of one feature.
    private static readonly string[] _moving = ["fit", "residuals", "bandwidth"];

    // What is further in goes on with the line before.
    private static readonly string _style = """
        :root { color-scheme: light dark; --line: #d0d7de; --soft: #57606a; --card: #f6f8fa; --mark: #0969da; }
        @media (prefers-color-scheme: dark) { :root { --line: #30363d; --soft: #8d96a0; --card: #161b22; --mark: #4493f8; } }
        body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
        h1 { font-size: 1.6rem; margin: 0 0 .2rem; }
            h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
        .sub { color: var(--soft); margin: 0; }
            .status { border: 1px solid var(--line); border-radius: 1rem; padding: .05rem .6rem; font-size: .85rem;
            vertical-align: middle; }
        .facts { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0 0; padding: 0; }
            .facts div { background: var(--card); border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .9rem; }
        .facts dt { color: var(--soft); font-size: .8rem; } .facts dd { margin: 0; font-size: 1.15rem; font-variant-numeric: tabular-nums; }
        .wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
            th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line); }
        th { font-weight: 600; } td.n, th.n { text-align: right; } .pairs td { overflow-wrap: anywhere; }
        figure { margin: 1rem 0; } figcaption { color: var(--soft); font-size: .9rem; }
            img { display: block; max-width: 100%; height: auto; background: #fff; border: 1px solid var(--line); border-radius: .4rem; }
        .grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 0 1.2rem; align-items: start; }
            code { overflow-wrap: anywhere; }
        @media (max-width: 40rem) { .pairs, .pairs tbody, .pairs th, .pairs td { display: block; padding: .1rem 0; border: 0; }
            .pairs tr { display: block; padding: .2rem 0; border-bottom: 1px solid var(--line); } }
        @media (prefers-color-scheme: dark) { img { filter: brightness(.88); } }
        """.Replace("\n    ", " ", StringComparison.Ordinal);

    // What a fit's summary has for the top of the page, and its name there.
    private static readonly Dictionary<string, string> _fitFacts = new()
    {
        ["rows"] = "examples",
        ["bandwidth"] = "bandwidth",
        ["rule"] = "found by",
        ["effective_degrees_of_freedom"] = "degrees of freedom",
        ["residual_standard_error"] = "residual standard error",
        ["r_squared"] = "R squared",
        ["leave_one_out_error"] = "leave-one-out error",
    };

    /// <summary>The page's text.</summary>
    /// <param name="run">The run.</param>
    /// <param name="live">The styles and the text of a part that moves; null for none.</param>
    public static string Render(RunFolder run, (string Style, string Section)? live = null)
    {
        var page = new StringBuilder();
        string version = run.Setting("version") ?? "";
        string title = $"{run.Model ?? "run"} on {DataName(run)}";
        page.Append(CultureInfo.InvariantCulture, $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>{Text(run.Name)}: {Text(title)}</title>
            <style>
            {_style}
            </style>
            {live?.Style}
            </head>
            <body>
            <header>
            <h1>{Text(title)} <span class="status">{run.Status}</span></h1>
            <p class="sub">{Text(run.Name)}, begun {run.Began:yyyy-MM-dd HH:mm} UTC, by TorchAttention {Text(version)}</p>

            """);
        IReadOnlyList<RunFolder> seeds = run.Seeds;
        if (seeds.Count > 0)
        {
            page.Append("</header>\n<main>\n");
            Spread(page, run, seeds);
        }
        else
        {
            Facts(page, run);
            page.Append("</header>\n<main>\n");
            Estimators(page, run);
            page.Append(live?.Section);
            Pictures(page, run, live is null || !HasOneFeature(run) ? [] : _moving);
            if (!run.IsFit && run.SweptRuns is null)
            {
                Chart(page, "Loss", "Training and validation loss over the epochs", RunCharts.Losses(run));
            }
        }

        Table(page, "Configuration", run.Config.Where(value => value.Key != "arguments"));
        if (run.Setting("arguments") is string arguments)
        {
            page.Append(CultureInfo.InvariantCulture, $"<p>Begun with <code>train {Text(arguments)}</code></p>\n");
        }

        if (seeds.Count == 0)
        {
            Table(page, "Everything in the summary", run.Summary.Where(value => run.SweptRuns is null || value.Key != "runs"));
        }

        page.Append("</main>\n</body>\n</html>\n");
        return page.ToString();
    }

    private static void Facts(StringBuilder page, RunFolder run)
    {
        var facts = new List<(string Name, string Value)>();
        if (run.ValLoss is double loss)
        {
            facts.Add(("validation loss", Short(loss)));
        }

        if (run.IsFit)
        {
            IEnumerable<RunValue> shown = run.Summary.Where(pair => _fitFacts.ContainsKey(pair.Key));
            facts.AddRange(shown.Select(pair => (_fitFacts[pair.Key], string.Join(", ", pair.Value.Split(' ').Select(Short)))));
            Write(page, facts);
            return;
        }

        facts.AddRange(run.Summary.Where(pair => RunFolder.IsLearned(pair.Key)).Take(8).Select(pair => (pair.Key, Short(pair.Value))));
        if (run.SweptRuns is string runs)
        {
            facts.Add(("trainings", runs));
            Write(page, facts);
            return;
        }

        facts.Add(("epochs", run.Result("epochs") ?? $"{run.Epochs["epoch"].Length} of {run.Setting("epochs")}"));
        facts.Add(("steps", run.Result("steps") ?? run.Steps["step"].Length.ToString(CultureInfo.InvariantCulture)));
        facts.AddRange(run.Config.Where(pair => pair.Key is "seed" or "device").Select(pair => (pair.Key, pair.Value)));
        Write(page, facts);
    }

    private static void Write(StringBuilder page, List<(string Name, string Value)> facts)
    {
        page.Append("<dl class=\"facts\">\n");
        facts.ForEach(
            fact => page.Append(CultureInfo.InvariantCulture, $"<div><dt>{Text(fact.Name)}</dt><dd>{Text(fact.Value)}</dd></div>\n"));
        page.Append("</dl>\n");
    }

    // The same training with several seeds: what they have in common, and their curves over one another.
    private static void Spread(StringBuilder page, RunFolder run, IReadOnlyList<RunFolder> seeds)
    {
        const string mean = ".mean";
        IEnumerable<string> means = run.Summary.Select(pair => pair.Key).Where(key => key.EndsWith(mean, StringComparison.Ordinal));
        string[] names = [.. means.Select(key => key[..^mean.Length])];
        page.Append(CultureInfo.InvariantCulture, $"<h2>{seeds.Count} seeds</h2>\n");
        if (names.Length > 0)
        {
            NumbersTable(page, "", RunFiles.Spread, names.Select(name =>
                (name.Replace('_', ' '), RunFiles.Spread.Select(column => Number(run, $"{name}.{column}")))));
        }

        Chart(page, "Validation loss", "Validation loss of each seed over the epochs", RunCharts.Compare(seeds));
    }

    private static string Number(RunFolder run, string key) => run.Result(key) is string text ? Text(Short(text)) : "";

    private static void Estimators(StringBuilder page, RunFolder run)
    {
        string[][] keys = [.. run.Summary.Select(pair => pair.Key.Split('.')).Where(parts => parts is ["estimators", _, "val_loss"])];
        if (keys.Length > 0)
        {
            page.Append("<h2>Results</h2>\n");
            NumbersTable(page, "estimator", ["validation loss", "validation RMSE"], keys.Select(key =>
                (key[1], ((string[])["val_loss", "val_rmse"]).Select(error => Number(run, $"estimators.{key[1]}.{error}")))));
        }
    }

    private static void NumbersTable(
        StringBuilder page, string title, string[] columns, IEnumerable<(string Name, IEnumerable<string> Numbers)> rows)
    {
        page.Append(CultureInfo.InvariantCulture, $"<div class=\"wide\"><table>\n<tr><th>{title}</th>");
        page.Append(string.Concat(columns.Select(column => $"<th class=\"n\">{column}</th>"))).Append("</tr>\n");
        foreach ((string name, IEnumerable<string> numbers) in rows)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><td>{Text(name)}</td>");
            page.Append(string.Concat(numbers.Select(number => $"<td class=\"n\">{number}</td>"))).Append("</tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static void Chart(StringBuilder page, string title, string caption, Figure? figure)
    {
        page.Append(CultureInfo.InvariantCulture, $"<h2>{title}</h2>\n");
        if (figure is not null)
        {
            Picture(page, caption, Encoding.UTF8.GetBytes(figure.ToSvg()));
        }
        else
        {
            page.Append("<p>No epoch is done yet.</p>\n");
        }
    }

    private static void Pictures(StringBuilder page, RunFolder run, string[] shown)
    {
        IEnumerable<(string File, string Name)> all = run.Pictures.Select(file => (file, Path.GetFileNameWithoutExtension(file)));
        (string File, string Name)[] pictures = [.. all.Where(picture => picture.Name != "loss" && !shown.Contains(picture.Name))
            .OrderBy(picture => Place(run, picture.Name)).ThenBy(picture => picture.Name, StringComparer.Ordinal)];
        if (pictures.Length == 0)
        {
            page.Append(shown.Length > 0 ? "" : "<h2>Pictures</h2>\n<p>The run drew no pictures.</p>\n");
            return;
        }

        page.Append("<h2>Pictures</h2>\n<div class=\"grid\">\n");
        foreach ((string file, string name) in pictures)
        {
            Picture(page, Caption(run, name), RunFile.Read(file) ?? []);
        }

        page.Append("</div>\n");
    }

    // A fit before what it leaves, and before what led to it; what learns nothing before what learns, as in the chapter.
    private static int Place(RunFolder run, string name)
    {
        string[] known = run.IsFit ? ["fit", "groups", "effects", "probabilities", "residuals", "bandwidth"]
            : ["average", "nonparametric", "nonparametric-attention", "", "effects", Attention, "w", "widths"];
        int place = Array.IndexOf(known, name);
        return place >= 0 ? place
            : run.IsFit ? known.Length
            : Array.IndexOf(known, name.EndsWith(Attention, StringComparison.Ordinal) ? Attention : "");
    }

    /// <summary>What the run's data are called.</summary>
    public static string DataName(RunFolder run) =>
        run.Data is not string data ? run.Name : Path.GetFileNameWithoutExtension(data) is { Length: > 0 } name ? name : data;

    private static void Picture(StringBuilder page, string caption, byte[] svg) => page.Append(
        CultureInfo.InvariantCulture,
        $"<figure>\n<img alt=\"{Text(caption)}\" src=\"data:image/svg+xml;base64,{Convert.ToBase64String(svg)}\">\n"
            + $"<figcaption>{Text(caption)}</figcaption>\n</figure>\n");

    private static void Table(StringBuilder page, string title, IEnumerable<RunValue> values)
    {
        RunValue[] rows = [.. values];
        if (rows.Length == 0)
        {
            return;
        }

        page.Append(CultureInfo.InvariantCulture, $"<h2>{title}</h2>\n<div class=\"wide\"><table class=\"pairs\">\n");
        foreach (RunValue row in rows)
        {
            page.Append(CultureInfo.InvariantCulture, $"<tr><th>{Text(row.Key)}</th><td>{Text(row.Value)}</td></tr>\n");
        }

        page.Append("</table></div>\n");
    }

    private static bool HasOneFeature(RunFolder run) => run.Config.FirstOrDefault(value => value.Key == "x")?.Texts is null or [_];

    private static string Caption(RunFolder run, string name) => name switch
    {
        "fit" when run.IsFit => HasOneFeature(run) ? "The fit through the examples, with the band of the mean"
            : "The fitted surface, and the examples in the colours of their values",
        "bandwidth" when run.IsFit => "What the search for the bandwidth tried",
        "effects" => run.IsFit ? "The curve over each feature, with the others at their medians"
            : "What each estimator predicts over each column, with the others at their medians",
        "groups" when run.IsFit => "A fit for each group",
        "probabilities" when run.IsFit => "The probability of each class",
        "residuals" when run.IsFit => "What the fit leaves of each example",
        "w" => "The learned w over the epochs",
        "widths" => "The learned bandwidth over x",
        _ when name.EndsWith(Attention, StringComparison.Ordinal) => $"{name[..^Attention.Length]}: attention weights",
        _ => $"{name}: predictions",
    };

    // A browser obeys what turns the order of letters, and knows no control characters.
    private static string Text(string text) => WebUtility.HtmlEncode(PlainText.Escape(text));
}
