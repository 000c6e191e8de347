using System.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Metrics;
using TorchAttention.Server.Models;
using TorchAttention.Server.Pages;
using TorchAttention.Server.Requests;

namespace TorchAttention.Server;

/// <summary>The server: what it listens on, and what stands where.</summary>
internal sealed class ServerApp : IAsyncDisposable
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(0.5);

    private readonly ServerSettings _settings;
    private readonly ModelStore _models;
    private readonly Action<string> _log;
    private readonly Gate _gate;
    private readonly ServerMetrics _metrics = new();
    private readonly Admission _admission;
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _ends = new();
    private Task _watch = Task.CompletedTask;

    /// <param name="settings">Where it listens, and its limits.</param>
    /// <param name="models">What it serves.</param>
    /// <param name="log">Told a line of what went wrong.</param>
    /// <param name="data">Where the rows of the only model came from, for its page; null where nobody knows.</param>
    public ServerApp(ServerSettings settings, ModelStore models, Action<string> log, string? data = null)
    {
        _settings = settings;
        _models = models;
        _log = log;
        _gate = new Gate(settings);
        _admission = new Admission(settings);
        var predict = new PredictEndpoint(settings, models, _metrics, _admission);
        _app = Build(settings);
        _app.Use(next =>
        {
            Task WorkAsync(HttpContext context) => AnswerAsync(context, next);
            return context => Refusal.GuardAsync(context, WorkAsync, log);
        });
        Map("GET", ServerPaths.Health, context => context.Response.WriteAsync("ok\n"));
        Map("GET", ServerPaths.Models, context => JsonAnswer.WriteAsync(context, json => ModelList.Write(json, models)));
        Map("GET", "/openapi.json", context => JsonAnswer.WriteAsync(
            context, json => OpenApiDocument.Write(json, models, [.. predict.Parameters.All])));
        Map("GET", "/metrics", _metrics.WriteAsync);
        Map("POST", ServerPaths.Predict, predict.AnswerAsync);
        if (models.Names.Count > 0)
        {
            new PageEndpoints(models, _admission, data).Map(Map);
        }
    }

    /// <summary>Where it listens, once it has started.</summary>
    public string Url => _app.Urls.First();

    /// <summary>Adds an endpoint: of this machine, or with a key; its errors become a status and a line.</summary>
    /// <param name="method">The request's method.</param>
    /// <param name="pattern">The path, with {names} for what varies.</param>
    /// <param name="answer">The work.</param>
    public void Map(string method, string pattern, RequestDelegate answer) => _app.MapMethods(pattern, [method], answer);

    /// <summary>Listens, and looks for files that change.</summary>
    public async Task StartAsync()
    {
        await _app.StartAsync();
        if (!_settings.IsLoopback && Url.StartsWith("http:", StringComparison.Ordinal))
        {
            _log("note: without a certificate (Kestrel__Certificates__Default__Path) keys and data go over the network as they are");
        }

        _watch = Task.Run(async () =>
        {
            foreach ((string _, ServedModel model) in _models.All)
            {
                model.Warm();
            }

            await _models.WatchAsync(_look, _log, _ends.Token);
        });
    }

    /// <summary>Stops to listen, and waits for what is begun.</summary>
    /// <param name="cancellationToken">Waits no longer.</param>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _ends.CancelAsync();
        await _app.StopAsync(cancellationToken);
        await _watch.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _admission.Dispose();
        _metrics.Dispose();
        _ends.Dispose();
    }

    private async Task AnswerAsync(HttpContext context, RequestDelegate next)
    {
        _gate.Check(context.Request);
        await next(context);
        if (Activity.Current is Activity span && context.GetEndpoint() is RouteEndpoint endpoint)
        {
            span.DisplayName = $"{context.Request.Method} {endpoint.RoutePattern.RawText}";
        }

        HttpResponse response = context.Response;
        if (!response.HasStarted && response.StatusCode is StatusCodes.Status404NotFound or StatusCodes.Status405MethodNotAllowed)
        {
            throw new RequestException(
                response.StatusCode,
                response.StatusCode == StatusCodes.Status404NotFound ? $"no path '{PlainText.Brief(context.Request.Path)}' is served here"
                    : $"expected {response.Headers.Allow}, got {context.Request.Method}");
        }
    }

    private static WebApplication Build(ServerSettings settings)
    {
        // Nothing is read again while it runs but the models: a certificate is of one start.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { Args = ["--hostBuilder:reloadConfigOnChange=false"] });
        if (settings.SettingsFile is string file)
        {
            builder.Configuration.Sources.Clear();
            builder.Configuration.AddJsonFile(Path.GetFullPath(file), optional: false, reloadOnChange: false).AddEnvironmentVariables();
        }

        builder.Configuration.AddEnvironmentVariables(Settings.Prefix);
        IConfigurationSection kestrelSection = builder.Configuration.GetSection("Kestrel");
        if (kestrelSection.GetSection("Endpoints").Exists())
        {
            throw CliException.WrongInput("Kestrel:Endpoints: expected no such setting; --listen and --port say where the server listens");
        }

        bool isSecure = kestrelSection.GetSection("Certificates:Default").Exists();
        if (isSecure)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        builder.Logging.ClearProviders();
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();

        // What is begun has its own limit.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = settings.MostTime + TimeSpan.FromSeconds(1));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.MostBytes;
            kestrel.Listen(settings.Address, settings.Port, listen =>
            {
                if (isSecure)
                {
                    listen.UseHttps();
                }
            });
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
