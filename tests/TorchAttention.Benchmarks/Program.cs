using System.Globalization;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;
using TorchAttention;
using TorchAttention.Benchmarks;
using TorchAttention.Benchmarks.Engine;
using TorchAttention.Benchmarks.Regression;
using TorchAttention.Benchmarks.Serving;
using TorchAttention.Benchmarks.Suite;
using TorchAttention.Benchmarks.Training;

if (args.Contains("--engine-memory"))
{
    EngineMemory.Print();
    return;
}

if (args.Contains("--core-speed"))
{
    Console.WriteLine(CoreSpeed.Measure());
    return;
}

if (args is ["--regression", string dataFolder, .. string[] works])
{
    RegressionRun.Print(dataFolder, works);
    return;
}

if (args is ["--suite", "intervals", .. string[] draws])
{
    IntervalSuiteRun.Print(
        draws.Length > 0 ? int.Parse(draws[0], CultureInfo.InvariantCulture) : 20,
        draws.Length > 1 ? int.Parse(draws[1], CultureInfo.InvariantCulture) : 4);
    return;
}

if (args is ["--suite", "curve", .. string[] repetitions])
{
    int asked = repetitions.Length > 0 ? int.Parse(repetitions[0], CultureInfo.InvariantCulture) : 20;
    CurveSuiteRun.Print(asked, ofMany: (asked + 2) / 3);
    return;
}

if (args is ["--suite", "slopes", .. string[] slopeDraws])
{
    SlopeSuite.Print(
        slopeDraws.Length > 0 ? int.Parse(slopeDraws[0], CultureInfo.InvariantCulture) : 5,
        slopeDraws.Length > 1 ? int.Parse(slopeDraws[1], CultureInfo.InvariantCulture) : 2);
    return;
}

if (args is ["--suite", "draws" or "peers", string suiteFolder, .. string[] times])
{
    int few = times.Length > 0 ? int.Parse(times[0], CultureInfo.InvariantCulture) : 5;
    int ofMany = times.Length > 1 ? int.Parse(times[1], CultureInfo.InvariantCulture) : 2;
    if (args[1] == "draws")
    {
        PeerSuite.WriteDraws(suiteFolder, few, ofMany);
    }
    else
    {
        PeerSuite.Print(suiteFolder, few, ofMany);
    }

    return;
}

if (args is ["--serve-load", string address, string body, .. string[] loads])
{
    int[] counts = [.. loads.Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
    ServeLoad.Print(new Uri(address), body, counts.Length > 0 ? counts[0] : 16, counts.Length > 1 ? counts[1] : 200_000);
    return;
}

LibTorch.EnsureLoaded();
if (args.Contains("--step-time"))
{
    StepTime.Print(seconds: 2);
    return;
}

if (args is ["--step-parts", .. string[] turns])
{
    StepParts.Print(turns.Length > 0 ? int.Parse(turns[0], CultureInfo.InvariantCulture) : 5);
    return;
}

if (args.Contains("--attention"))
{
    AttentionTime.Print();
    return;
}

if (args.Contains("--training"))
{
    TrainingRun.Print();
    return;
}

if (args.Contains("--local-linear"))
{
    LocalLinearRun.Print();
    return;
}

if (args.Contains("--local-linear-tables"))
{
    LocalLinearTablesRun.Print();
    return;
}

if (args is ["--device", string device, .. string[] how])
{
    if (how.Contains("--load"))
    {
        Console.WriteLine($"libtorch {LibTorch.LoadedVersion}, {ComputeDevice.Parse(device)}");
        return;
    }

    bool isSmall = how.Contains("--small");
    DeviceRun.Print(device, isSmall);
    DevicePooling.Print(device, isSmall);
    return;
}

if (args is ["--engine", string folder, .. string[] parts])
{
    EngineRun.Print(folder, parts);
    return;
}

// In this process: a generated project would not get the libtorch that Directory.Build.targets makes loadable.
bool isShort = args.Contains("--short");
Job job = (isShort ? Job.ShortRun.WithIterationTime(TimeInterval.FromMilliseconds(100)) : Job.Default).WithToolchain(
    InProcessEmitToolchain.Instance);
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run([.. args.Where(arg => arg != "--short")], DefaultConfig.Instance.AddJob(job));
