using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Models;
using TorchAttention.Server.Pages;
using TorchAttention.Server.Requests;

namespace TorchAttention.Server;

/// <summary>The server: what it listens on, and what stands where.</summary>
internal sealed class ServerApp : IAsyncDisposable
{
    private readonly ServerSettings _settings;
    private readonly ModelStore _models;
    private readonly PredictEndpoint _predict;
    private readonly WebApplication _app;
    private readonly Action<string> _log;

    /// <param name="settings">Where it listens, and its limits.</param>
    /// <param name="models">What it serves.</param>
    /// <param name="log">Told a line of what went wrong.</param>
    /// <param name="data">Where the rows of the only model came from, for its page; null where nobody knows.</param>
    public ServerApp(ServerSettings settings, ModelStore models, Action<string> log, string? data = null)
    {
        _settings = settings;
        _models = models;
        _predict = new PredictEndpoint(settings, models);
        _app = Build(settings);
        _log = log;
        Map("GET", "/healthz", context => context.Response.WriteAsync("ok\n"));
        Map("GET", "/v1/models", context => ModelList.WriteAsync(context, _models));
        Map("POST", "/v1/models/{name}/predict", _predict.AnswerAsync);
        if (models.Names.Count > 0)
        {
            new PageEndpoints(models, data).Map(Map);
        }
    }

    /// <summary>Where it listens, once it has started.</summary>
    public string Url => _app.Urls.First();

    /// <summary>Adds an endpoint, whose errors become a status and a line.</summary>
    /// <param name="method">The request's method.</param>
    /// <param name="pattern">The path, with {names} for what varies.</param>
    /// <param name="answer">The work.</param>
    public void Map(string method, string pattern, Func<HttpContext, Task> answer) =>
        _app.MapMethods(pattern, [method], context => Refusal.GuardAsync(context, answer, _log));

    public Task StartAsync() => _app.StartAsync();

    /// <summary>Stops to listen, and waits for what is begun.</summary>
    /// <param name="cancellationToken">Waits no longer.</param>
    public Task StopAsync(CancellationToken cancellationToken) => _app.StopAsync(cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _predict.Dispose();
    }

    private static WebApplication Build(ServerSettings settings)
    {
        // Nothing is read again while it runs but the models: a certificate is of one start.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.MostPatience);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.MostBytes;
            kestrel.Listen(settings.Address, settings.Port);
        });
        return builder.Build();
    }

    // Signals are the command's.
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
