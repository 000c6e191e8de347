using System.Text.RegularExpressions;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Architecture;

/// <summary>The arrows between projects and folders run one way; a line that goes against them is named.</summary>
public sealed partial class ArrowsTests
{
    // What a folder of src/ may not use, wherever in its files it is named.
    private static readonly (string Folder, string[] Forbidden)[] _rules =
    [
        ("TorchAttention.Numerics",
        ["TorchSharp", "ScottPlot", "SkiaSharp", "Spectre", "System.CommandLine",
        "TorchAttention.(Data|Files|Pooling|Training|Models|Plotting|Cli)"]),
        ("TorchAttention.Files",
        ["TorchSharp", "ScottPlot", "SkiaSharp", "Spectre", "System.CommandLine",
        "TorchAttention.(Data|Pooling|Training|Models|Plotting|Cli)"]),
        ("TorchAttention.Plotting", ["TorchSharp", "Spectre", "System.CommandLine", "TorchAttention.(Data|Pooling|Training|Models|Cli)"]),
        ("TorchAttention", ["ScottPlot", "SkiaSharp", "Spectre", "System.CommandLine", "TorchAttention.(Plotting|Cli)"]),
        ("TorchAttention/Data", ["TorchAttention.(Pooling|Training|Models)"]),
        ("TorchAttention/Pooling", ["TorchAttention.(Data|Training|Models)"]),
        ("TorchAttention/Training", ["TorchAttention.(Pooling|Models)"]),
        ("TorchAttention.KernelFit",
        ["TorchSharp", "ScottPlot", "SkiaSharp", "TorchAttention.(Data|Pooling|Training|Models|Runs|Cli.(Training|Exercises))"]),
        ("TorchAttention.Server",
        ["TorchSharp", "ScottPlot", "SkiaSharp", "Spectre",
        "TorchAttention.(Data|Pooling|Training|Models|Plotting|Runs|Cli.(Training|Exercises))"]),
        ("TorchAttention.Cluster",
        ["TorchSharp", "ScottPlot", "SkiaSharp", "Spectre",
        "TorchAttention.(Data|Pooling|Training|Models|Plotting|Runs|Server|Cli.(Training|Exercises))"]),
        ("TorchAttention.Console", ["Orleans", "ScottPlot", "SkiaSharp", "Parquet", "Apache.Arrow"]),
    ];

    [Fact]
    public void Usings_FollowTheArrows()
    {
        List<string> violations = [];
        int files = 0;
        foreach ((string folder, string[] forbidden) in _rules)
        {
            var pattern = new Regex($@"^\s*(global )?using (static )?({string.Join('|', forbidden)})\b");
            foreach (string file in SourceFiles(folder))
            {
                files++;
                violations.AddRange(File.ReadLines(file).Index().Where(line => pattern.IsMatch(line.Item))
                    .Select(line => $"{Path.GetRelativePath(ConsoleProcess.Repository, file)}:{line.Index + 1}: {line.Item.Trim()}"));
            }
        }

        Assert.True(files > 50, $"Only {files} files were read.");
        Assert.Empty(violations);
    }

    [Fact]
    public void References_FollowTheArrows()
    {
        Assert.Equal("MathNet.Numerics Sep csFastFloat", References("TorchAttention.Numerics"));
        Assert.Equal(
            "../TorchAttention.Numerics/TorchAttention.Numerics.csproj Apache.Arrow Apache.Arrow.Compression Parquet.Net",
            References("TorchAttention.Files"));
        Assert.Equal("../TorchAttention.Numerics/TorchAttention.Numerics.csproj ScottPlot", References("TorchAttention.Plotting"));

        Assert.Equal(
            "../TorchAttention.Files/TorchAttention.Files.csproj ../TorchAttention.Plotting/TorchAttention.Plotting.csproj "
                + "Spectre.Console System.CommandLine",
            References("TorchAttention.KernelFit"));

        Assert.Equal(
            "../TorchAttention.KernelFit/TorchAttention.KernelFit.csproj Microsoft.AspNetCore.App OpenTelemetry "
                + "OpenTelemetry.Exporter.OpenTelemetryProtocol System.CommandLine",
            References("TorchAttention.Server"));

        Assert.Equal(
            "../TorchAttention.KernelFit/TorchAttention.KernelFit.csproj Microsoft.AspNetCore.App Microsoft.Orleans.Clustering.AdoNet "
                + "Microsoft.Orleans.Clustering.Redis Microsoft.Orleans.Connections.Security Microsoft.Orleans.Dashboard "
                + "Microsoft.Orleans.Sdk Microsoft.Orleans.Server Npgsql System.CommandLine",
            References("TorchAttention.Cluster"));

        // The last one is of the package alone.
        Assert.Equal(
            "../TorchAttention.Numerics/TorchAttention.Numerics.csproj Microsoft.Extensions.Logging.Abstractions TorchSharp TorchSharp-cpu",
            References("TorchAttention"));
    }

    [Fact]
    public void MutableStatics_AreNowhere()
    {
        List<string> found = [];
        foreach (string project in
            new[]
            {
                "TorchAttention.Numerics", "TorchAttention", "TorchAttention.Files", "TorchAttention.Plotting", "TorchAttention.KernelFit",
                "TorchAttention.Server", "TorchAttention.Cluster", "TorchAttention.Console",
            })
        {
            foreach (string file in SourceFiles(project))
            {
                found.AddRange(File.ReadLines(file).Index().Where(line => MutableStatic().IsMatch(line.Item))
                    .Select(line => $"{Path.GetRelativePath(ConsoleProcess.Repository, file)}:{line.Index + 1}: {line.Item.Trim()}"));
            }
        }

        Assert.Empty(found);
    }

    private static IEnumerable<string> SourceFiles(string folder) =>
        Directory.EnumerateFiles(Path.Combine(ConsoleProcess.Repository, "src", folder), "*.cs", SearchOption.AllDirectories)
            .Where(file => !Regex.IsMatch(file, @"[/\\](obj|bin)[/\\]"));

    private static string References(string project)
    {
        string text = File.ReadAllText(Path.Combine(ConsoleProcess.Repository, "src", project, $"{project}.csproj"));
        return string.Join(
            ' ',
            Regex.Matches(text, "Reference Include=\"([^\"]+)\"").Select(match => match.Groups[1].Value).Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(
        @"^\s*(public|private|internal|protected)\s+static\s+(?!readonly|partial|extern|event)[\w<>\[\]?,. ]+\s_?\w+\s*(=[^>]|;)")]
    private static partial Regex MutableStatic();
}
