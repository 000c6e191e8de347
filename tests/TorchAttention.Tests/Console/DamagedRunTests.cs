using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TorchAttention.Tests.Console;

/// <summary>Files of runs that somebody changed, cut or mixed up: each of them in each way that a file can be wrong.</summary>
public sealed class DamagedRunTests : IDisposable
{
    private const string Deep =
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":0}}}}}}}}}}}}}}}}";

    // What a member of JSON may be instead.
    private static readonly (string Name, string Json)[] _values =
    [
        ("null", "null"), ("true", "true"), ("huge", "1e999"), ("word", "\"abc\""), ("escape", "\"\\u001b[31m\\u202e\""), (
            "half", "\"\\ud800\""), ("list", "[1,[2,null]]"), ("object", "{}"),
        ("deep", Deep), ("none", ""),
    ];

    private static readonly (string Name, string Content)[] _texts =
    [
        ("empty", ""), ("blank", "   \n"), ("null", "null"), ("number", "5"), ("list", "[]"), ("text", "\"x\""), ("words", "not JSON"), (
            "cut", "{\"command\": \"tra"),
        ("twice", "{}{}"), ("comma", "{\"a\":1,}"), ("nul", "\0\0\0"), (
            "nested", string.Concat(Enumerable.Repeat("[", 100_000))), ("object", "{}"),
    ];

    private static readonly (string Name, string Content)[] _tables =
    [
        ("empty", ""), ("header", "epoch,train_loss,val_loss,step\n"), ("other", "a,b\n1,2\n"), (
            "twice", "epoch,epoch,val_loss,step\n1,1,1,1\n"), ("word", "epoch,val_loss,step\n1,x,1\n"),
        ("ragged", "epoch,val_loss,step\n1,2\n"), ("infinite", "epoch,val_loss,step\n1,1e999,1\n2,NaN,2\n"), (
            "crlf", "epoch,val_loss,step\r\n1,2,1\r\n"), ("bom", "\ufeffepoch,val_loss,step\n1,2,1\n"),
        ("escape", "epoch,val_loss,step\n1,\u001b[31m,1\n"), ("cut", "epoch,val_loss,step\n1,2"), ("blank", "\n\n\n"), ("nul", "\0\0\n"),
    ];

    private readonly ConsoleProcess _console = new();
    private readonly string[] _names;

    public DamagedRunTests()
    {
        Assert.Equal(0, _console.Run("train", "--epochs", "2", "--no-plots", "--quiet", "--out", "whole").ExitCode);
        _names = [.. Members("config.json"), .. Members("summary.json"), .. Texts(), .. Tables(), .. Specials()];
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public void EachOfThem_IsALineAmongTheOthers()
    {
        LongTests.SkipUnlessAskedFor();
        ConsoleProcess.Result json = _console.Run("runs", "runs", "--json", "--sort", "loss");
        ConsoleProcess.Result table = _console.Run("runs", "runs", "--sort", "name");

        Assert.Equal((0, "", 0, ""), (json.ExitCode, json.Error, table.ExitCode, table.Error));
        Dictionary<string, string?> listed = JsonDocument.Parse(json.Output).RootElement.GetProperty("runs").EnumerateArray()
            .ToDictionary(
                run => run.GetProperty("name").GetString()!,
                run => run.TryGetProperty("problem", out JsonElement problem) ? problem.GetString() : null);
        Assert.Equal(_names.Order(StringComparer.Ordinal), listed.Keys.Order(StringComparer.Ordinal));
        Assert.All(
            listed.Where(run => run.Value is not null), run =>
            Assert.Matches(
            @"^'runs/[\w.-]+/(config\.json|summary\.json|epochs\.csv|steps\.csv)' is damaged \(.*expected .*, found .*\)$", run.Value!));
        Assert.InRange(listed.Values.Count(problem => problem is not null), 80, 200);
        Assert.All(_names, name => Assert.Contains($"│ {name} ", table.Output, StringComparison.Ordinal));
        Assert.DoesNotContain(table.Output, c => c is '\u001b' or '\u202e' || (char.IsControl(c) && c != '\n'));

        Assert.Equal(
            "'runs/summary.json-estimators.parametric.val_loss-word/summary.json' is damaged (estimators.parametric.val_loss: expected "
            + "a number, found 'abc')", listed["summary.json-estimators.parametric.val_loss-word"]);
        Assert.Equal(
            "'runs/summary.json-estimators.parametric.val_loss-huge/summary.json' is damaged (estimators.parametric.val_loss: expected "
            + "a number, found 1e999)", listed["summary.json-estimators.parametric.val_loss-huge"]);
        Assert.Equal(
            "'runs/summary.json-estimators-list/summary.json' is damaged (estimators: expected an object, found a list)",
            listed["summary.json-estimators-list"]);
        Assert.Equal(
            "'runs/summary.json-w-half/summary.json' is damaged (expected text, found a character that is none)",
            listed["summary.json-w-half"]);
        Assert.Equal(
            "'runs/config.json-cut/config.json' is damaged (expected JSON, found something else in line 1 at byte 16)",
            listed["config.json-cut"]);
        Assert.Equal(
            "'runs/config.json-list/config.json' is damaged (expected an object of JSON, found a list)", listed["config.json-list"]);
        Assert.Equal(
            "'runs/epochs.csv-escape/epochs.csv' is damaged (row 2: expected 3 numbers, found '1,\\u001b[31m,1')",
            listed["epochs.csv-escape"]);
        Assert.Equal("'runs/epochs.csv-folder/epochs.csv' is damaged (expected a file, found a folder)", listed["epochs.csv-folder"]);
        Assert.Null(listed["config.json-bom"]);
        Assert.Null(listed["epochs.csv-crlf"]);
        Assert.Null(listed["epochs.csv-infinite"]);

        Refused();
        Resumed();
        Reported();
    }

    private void Refused()
    {
        (string Run, string Problem)[] cases =
        [
            ("summary.json-estimators.parametric.val_loss-word",
            "summary.json' is damaged (estimators.parametric.val_loss: expected a number, found 'abc')"),
            ("summary.json-nested", "summary.json' is damaged (expected JSON, found something else in line 1 at byte 64)"),
            ("epochs.csv-twice",
            "epochs.csv' is damaged (row 1: expected each name once, and epoch, val_loss among them, found 'epoch,epoch,val_loss,step')"),
            ("summary.json-folder", "summary.json' is damaged (expected a file, found a folder)"),
        ];
        foreach ((string run, string problem) in cases)
        {
            var refused = new ConsoleProcess.Result(2, "", $"error: 'runs/{run}/{problem}\n");
            Assert.Equal(refused, _console.Run("report", $"runs/{run}"));
            Assert.Equal(refused, _console.Run("runs", "compare", "whole", $"runs/{run}"));
        }
    }

    private void Resumed()
    {
        foreach ((string run, string problem) in (IEnumerable<(string, string)>)
        [
            ("config.json-arguments-list", "arguments: expected a list of texts, found a list"), (
                "config.json-data-null", "data: expected a text, found null"),
            ("config.json-command-object", "command: expected a text, found nothing"), (
                "config.json-nul", "expected JSON, found something else in line 1 at byte 0"),
        ])
        {
            Assert.Equal(
                new ConsoleProcess.Result(2, "", $"error: 'runs/{run}/config.json' is damaged ({problem})\n"),
                _console.Run("train", "--resume", $"runs/{run}"));
        }

        if (OperatingSystem.IsLinux())
        {
            string[] resume = ["train", "--no-plots", "--epochs", "3", "--quiet", "--resume"];
            Assert.Equal(
                "error: --resume: 'runs/.running-pipe' cannot be written to (.running is a pipe or a device)\n",
                _console.Run([.. resume, "runs/.running-pipe"]).Error);
            File.Delete(_console.PathOf("runs/steps.csv-pipe/summary.json"));
            Assert.Equal(
                "error: 'runs/steps.csv-pipe/steps.csv' is damaged (expected a file, found a pipe or a device)\n",
                _console.Run([.. resume, "runs/steps.csv-pipe"]).Error);
        }
    }

    private void Reported()
    {
        foreach (string run in
            (string[])["epochs.csv-infinite", "epochs.csv-header", "config.json-object", "summary.json-standardization-null"])
        {
            Assert.Equal(new ConsoleProcess.Result(0, $"runs/{run}/report.html\n", ""), _console.Run("report", $"runs/{run}"));
        }
    }

    // A run for each member of a file and each thing that it may be instead, and one without it.
    private List<string> Members(string file)
    {
        List<string> names = [];
        string whole = File.ReadAllText(_console.PathOf($"whole/{file}"));
        foreach (string path in Paths("", JsonNode.Parse(whole)!.AsObject()))
        {
            foreach ((string name, string json) in _values)
            {
                JsonNode root = JsonNode.Parse(whole)!;
                string[] parts = path.Split('.');
                JsonObject parent = parts[..^1].Aggregate(root.AsObject(), (node, part) => node[part]!.AsObject());
                parent[parts[^1]] = "to be changed";
                if (json.Length == 0)
                {
                    parent.Remove(parts[^1]);
                }

                names.Add(
                    Run($"{file}-{path}-{name}", file, root.ToJsonString().Replace("\"to be changed\"", json, StringComparison.Ordinal)));
            }
        }

        return names;
    }

    private static IEnumerable<string> Paths(string name, JsonObject node) => node.SelectMany(
        member => Paths(name.Length == 0 ? member.Key : $"{name}.{member.Key}", member.Value as JsonObject ?? []).Prepend(
        name.Length == 0 ? member.Key : $"{name}.{member.Key}"));

    private IEnumerable<string> Texts()
    {
        foreach (string file in (string[])["config.json", "summary.json"])
        {
            foreach ((string name, string content) in _texts)
            {
                yield return Run($"{file}-{name}", file, content);
            }

            yield return Run($"{file}-bom", file, "\ufeff" + File.ReadAllText(_console.PathOf($"whole/{file}")));
        }
    }

    private IEnumerable<string> Tables()
    {
        foreach (string file in (string[])["epochs.csv", "steps.csv"])
        {
            foreach ((string name, string content) in _tables)
            {
                yield return Run($"{file}-{name}", file, content);
            }
        }
    }

    // A folder in the place of each file, and a pipe, at which a reader would wait for ever.
    private IEnumerable<string> Specials()
    {
        foreach (string file in (string[])["config.json", "summary.json", "epochs.csv", "steps.csv", ".running"])
        {
            string name = Run($"{file}-folder", file, "");
            File.Delete(_console.PathOf($"runs/{name}/{file}"));
            Directory.CreateDirectory(_console.PathOf($"runs/{name}/{file}"));
            yield return name;
            if (OperatingSystem.IsLinux())
            {
                name = Run($"{file}-pipe", file, "");
                File.Delete(_console.PathOf($"runs/{name}/{file}"));
                Process.Start("mkfifo", [_console.PathOf($"runs/{name}/{file}")]).WaitForExit();
                yield return name;
            }
        }
    }

    private string Run(string name, string file, string content)
    {
        string folder = Directory.CreateDirectory(_console.PathOf($"runs/{name}")).FullName;
        foreach (string own in (string[])["config.json", "summary.json", "epochs.csv", "steps.csv"])
        {
            File.Copy(_console.PathOf($"whole/{own}"), Path.Combine(folder, own));
        }

        _console.Write($"runs/{name}/{file}", content);
        return name;
    }
}
