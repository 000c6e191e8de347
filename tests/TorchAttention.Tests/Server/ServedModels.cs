using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Server;

/// <summary>A model of each kind that <c>fit</c> saves, and a server of them all.</summary>
public sealed class ServedModels : IDisposable
{
    public ServedModels()
    {
        Fit("curve", "mcycle", "--degree", "1", "--bandwidth", "2");
        Fit("groups", "iris", "--x", "Petal.Length", "--y", "Sepal.Width", "--by", "Species", "--bandwidth", "0.4");
        Fit("classes", "iris", "--x", "Petal.Length,Petal.Width", "--y", "Species", "--classes", "--bandwidth", "0.4");
        IEnumerable<string> rows = Enumerable.Range(0, 60).Select(i => $"{i * 0.1},{"abc"[i % 3]},{i % 7}");
        Console.Write("mixed.csv", $"x,kind,y\n{string.Join('\n', rows)}\n");
        Fit("mixed", "mixed.csv", "--x", "x,kind", "--y", "y", "--bandwidth", "0.5");
        rows = Enumerable.Range(1, 28).Select(i => $"2024-02-{i:D2},{i * i % 11}");
        Console.Write("days.csv", $"day,y\n{string.Join('\n', rows)}\n");
        Fit("days", "days.csv", "--x", "day", "--y", "y", "--bandwidth", "200000");
        Assert.Equal(0, Console.Run("condense", "--model", "curve.safetensors", "--out", "condensed.safetensors").ExitCode);
        string[] names = ["curve", "groups", "classes", "mixed", "days", "condensed"];
        Server = new ServerProcess(Console.Folder, ["--model", string.Join(',', names.Select(name => $"{name}.safetensors"))]);
    }

    public ConsoleProcess Console { get; } = new();

    public ServerProcess Server { get; }

    /// <summary>The file of what <c>predict</c> writes.</summary>
    public string Predict(string model, string queries, string ending, params string[] options)
    {
        string data = Path.GetRandomFileName() + ".csv";
        string output = Path.GetRandomFileName() + ending;
        Console.Write(data, queries);
        ConsoleProcess.Result result = Console.Run(["predict", "--model", $"{model}.safetensors", data, "--out", output, .. options]);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return File.ReadAllText(Console.PathOf(output));
    }

    public void Fit(string name, params string[] options)
    {
        Assert.Equal(
            new ConsoleProcess.Result(0, "", ""), Console.Run(["fit", .. options, "--out", $"run-{name}", "--no-plots", "--quiet"]));
        File.Copy(Console.PathOf($"run-{name}/model.safetensors"), Console.PathOf($"{name}.safetensors"), overwrite: true);
    }

    public void Dispose()
    {
        Server.Dispose();
        Console.Dispose();
    }
}
