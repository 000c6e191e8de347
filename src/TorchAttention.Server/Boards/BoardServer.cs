using System.Net;
using TorchAttention.Cli.Page;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Models;
using TorchAttention.Server.Pages;

namespace TorchAttention.Server.Boards;

/// <summary>A page of this machine that follows some work: it asks for the newest state, and is told where that is one it knows.</summary>
internal sealed class BoardServer : IDisposable
{
    // Long enough for a page that asks three times a second.
    private static readonly TimeSpan _lastLook = TimeSpan.FromSeconds(1);

    private readonly ServerApp _app;
    private readonly ManualResetEventSlim _seen = new();
    private volatile State _state = new(0, []);
    private volatile bool _isAsked;
    private volatile bool _isWatched;

    /// <summary>Begins to listen.</summary>
    /// <param name="port">The port; 0 for a free one.</param>
    /// <param name="title">The page's title.</param>
    /// <exception cref="IOException">The port is taken.</exception>
    public BoardServer(int port, string title)
    {
        _app = new ServerApp(new ServerSettings { Port = port, Address = IPAddress.Loopback }, ModelStore.Empty, _ => { });
        _app.Map("GET", "/", context => PageEndpoints.HtmlAsync(context, PageParts.Board(title)));
        _app.Map("GET", "/state", AnswerAsync);
        _app.StartAsync().GetAwaiter().GetResult();
    }

    /// <summary>Where it listens.</summary>
    public string Url => _app.Url;

    /// <summary>Whether somebody has asked for a state that is newer than the last.</summary>
    public bool IsAsked => _isAsked;

    /// <summary>Takes the newest state.</summary>
    /// <param name="write">Writes its properties.</param>
    public void Publish(Action<Utf8JsonWriter> write)
    {
        int version = _state.Version + 1;
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("version", version);
            write(json);
            json.WriteEndObject();
        }

        _isAsked = false;
        _seen.Reset();
        _state = new State(version, stream.ToArray());
    }

    /// <summary>Stops; the last state is given to whoever looks.</summary>
    public void Dispose()
    {
        if (_state.Version > 0 && _isWatched)
        {
            _seen.Wait(_lastLook);
        }

        _app.StopAsync(CancellationToken.None).GetAwaiter().GetResult();
        _app.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _seen.Dispose();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        State state = _state;
        _isWatched = true;
        if (state.Version == 0 || context.Request.Query["version"] == state.Version.ToString(CultureInfo.InvariantCulture))
        {
            _isAsked = true;
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return;
        }

        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.Body.WriteAsync(state.Json, context.RequestAborted);
        _seen.Set();
    }

    private sealed record State(int Version, byte[] Json);
}
