using System.Globalization;
using System.Text;
using System.Text.Json;

namespace TorchAttention.Tests.Console;

/// <summary>A folder with rows, for commands that read them once.</summary>
public abstract class OnePassConsole : IDisposable
{
    private protected ConsoleProcess Console { get; } = new();

    public void Dispose()
    {
        Console.Dispose();
        GC.SuppressFinalize(this);
    }

    protected string Run(params string[] arguments)
    {
        ConsoleProcess.Result result = Console.Run(arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return result.Output;
    }

    protected JsonDocument Summary(string run) => JsonDocument.Parse(File.ReadAllText(Console.PathOf($"{run}/summary.json")));

    protected void Write(string file, int rows, int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("id,temp,load,share,kind\n");
        for (int i = 0; i < rows; i++)
        {
            double x = 20 * random.NextDouble();
            text.Append(CultureInfo.InvariantCulture, $"{i},{x:F5},{Math.Sin(x) + random.NextDouble():F5},{1 + (i % 7)},");
            text.Append(Math.Sin(x) > (i % 10 * 0.2) - 0.9 ? "up\n" : i % 9 == 0 ? "down\n" : "level\n");
        }

        Console.Write(file, text.ToString());
    }
}
