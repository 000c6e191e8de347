using System.Runtime.InteropServices;
using TorchAttention.Numerics.Sharding;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Models;

namespace TorchAttention.Server;

/// <summary>Serves models over HTTP until it is stopped.</summary>
internal static class ServeCommand
{
    /// <param name="trained">Models that fit does not save; null for none.</param>
    /// <param name="clusters">Clusters that shards are served in; null for none.</param>
    public static Command Create(ITrainedModels? trained, IShardClusters? clusters = null)
    {
        var options = new ServerOptions();
        Option<string?> model = Options.Text(
            "--model", "files",
            "The models that fit, condense or train saved, separated by commas; each has its file's name without ending");
        var examples = new ExamplesOptions(hasCategories: false);
        var fit = new FitOptions();
        const string purpose = "Serve saved models, or a fit to data, over HTTP: predictions in CSV and JSON, and a page on which it moves";
        var command = new Command("serve", purpose) { model };
        options.AddTo(command);
        Option<string?> shards = Options.Text("--shards", "file", "Instead of models, rows that shard dealt to files: their manifest.json");
        command.AddAll(clusters is null ? [] : [shards, clusters.Option, .. clusters.MemberOptions]);
        command.AddAll(trained?.Options ?? []);
        examples.AddTo(command);
        fit.AddTo(command);
        command.SetAction(parsed =>
        {
            if (clusters is not null && parsed.GetValue(clusters.Option) is string cluster)
            {
                return Serve(clusters, cluster, parsed, shards, command.Options.Where(
                    option => option != shards && option != clusters.Option && !clusters.MemberOptions.Contains(option)
                        && parsed.GetResult(option) is { Implicit: false }));
            }

            if (clusters is not null && parsed.GetValue(shards) is not null)
            {
                throw CliException.WrongInput("--shards: expected --cluster beside it, got none");
            }

            if (clusters?.MemberOptions.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option alone)
            {
                throw CliException.WrongInput($"{alone.Name}: expected --cluster beside it, got none");
            }

            ServerSettings settings = options.Read(parsed);
            string? data = examples.Names(parsed).Data;
            if (data is null == parsed.GetValue(model) is null)
            {
                throw CliException.WrongInput($"serve: expected either --model or --data, got {(data is null ? "neither" : "both")}");
            }

            using FittedData? fitted = data is null ? null : FittedData.Create(examples.Read(parsed), read => fit.ReadFor(parsed, read));
            string[] paths = fitted is null ? [.. parsed.GetValue(model)!.Split(',').Select(path => path.Trim())] : [fitted.Path];
            var models = new ModelStore(
                paths, (path, file) => trained?.IsKnown(file) == true ? trained.Load(path, file, parsed) : null);
            return RunAsync(new ServerApp(settings, models, line => Console.Error.WriteLine(line), data)).GetAwaiter().GetResult();
        });
        return command;
    }

    private static int Serve(
        IShardClusters clusters, string cluster, ParseResult parsed, Option<string?> shards, IEnumerable<Option> others)
    {
        if (others.FirstOrDefault() is Option other)
        {
            throw CliException.WrongInput($"{other.Name}: expected none beside {clusters.Option.Name}, which serves shards to predict");
        }

        string path = parsed.GetValue(shards)
            ?? throw CliException.WrongInput($"{clusters.Option.Name}: expected --shards beside it, got none");
        return clusters.ServeAsync(cluster, ShardManifest.Load(path), parsed).GetAwaiter().GetResult();
    }

    private static async Task<int> RunAsync(ServerApp server)
    {
        await using ServerApp app = server;
        using var ends = new CancellationTokenSource();
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        PosixSignalRegistration[] registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, Stop));
        await app.StartAsync();
        Console.WriteLine($"listening on {app.Url} (open it in a browser)");
        await stop.Task;
        await app.StopAsync(ends.Token);
        int code = ends.IsCancellationRequested ? ExitCode.Interrupted : ExitCode.Done;
        Array.ForEach(registrations, registration => registration.Dispose());
        return code;

        // The first ends it when what is begun is done, the second at once.
        void Stop(PosixSignalContext signal)
        {
            signal.Cancel = true;
            if (!stop.TrySetResult())
            {
                ends.Cancel();
            }
        }
    }
}
