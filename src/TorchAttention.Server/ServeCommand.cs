using System.Runtime.InteropServices;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Models;

namespace TorchAttention.Server;

/// <summary>Serves models over HTTP until it is stopped.</summary>
internal static class ServeCommand
{
    private const int MostPort = 65535;

    /// <param name="trained">Models that fit does not save; null for none.</param>
    public static Command Create(ITrainedModels? trained)
    {
        Option<string?> model = Options.Text(
            "--model", "files",
            "The models that fit, condense or train saved, separated by commas; each has its file's name without ending");
        var examples = new ExamplesOptions();
        var fit = new FitOptions();
        Option<int?> port = Options.WholeNumber("--port", "The port; 0 for a free one, which is printed (default 8080)", 0);
        const string purpose = "Serve saved models, or a fit to data, over HTTP: predictions in CSV and JSON, and a page on which it moves";
        var command = new Command("serve", purpose) { model, port };
        command.AddAll(trained?.Options ?? []);
        examples.AddTo(command);
        fit.AddTo(command);
        command.SetAction(parsed =>
        {
            var settings = new ServerSettings { Port = Port(parsed.GetValue(port)) };
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

    private static int Port(int? port) => port is null ? new ServerSettings().Port
        : port <= MostPort ? port.Value
        : throw CliException.WrongInput($"--port: expected a whole number from 0 to {MostPort}, got {port}");

    private static async Task<int> RunAsync(ServerApp server)
    {
        await using ServerApp app = server;
        using var ends = new CancellationTokenSource();
        var stop = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        PosixSignalRegistration[] registrations = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, Stop));
        await app.StartAsync();
        Console.WriteLine($"listening on {app.Url}");
        await stop.Task;
        await app.StopAsync(ends.Token);
        Array.ForEach(registrations, registration => registration.Dispose());
        return ExitCode.Done;

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
