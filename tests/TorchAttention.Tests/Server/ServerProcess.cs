using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Server;

/// <summary>A server as its users start it, on a free port.</summary>
public sealed class ServerProcess : IDisposable
{
    // Only what hangs for ever is given up: how long anything takes is the machine's.
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);

    private readonly Process _process;
    private readonly StringBuilder _errors = new();

    public ServerProcess(string folder, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(ConsoleProcess.Executable, ["serve", "--port", "0", .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.Append(line.Data).Append('\n');
            }
        };
        _process.BeginErrorReadLine();
        const string listening = "listening on ";
        string first = _process.StandardOutput.ReadLine() ?? "";
        Assert.True(first.StartsWith(listening, StringComparison.Ordinal), first + Errors);
        Url = new Uri(first[listening.Length..].Split(' ')[0]);
        Client = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = { RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate?.Subject == "CN=localhost" },
        })
        {
            BaseAddress = Url,
            Timeout = _patience,
        };
    }

    public Uri Url { get; }

    public HttpClient Client { get; }

    public int Id => _process.Id;

    public string Errors
    {
        get
        {
            lock (_errors)
            {
                return _errors.ToString();
            }
        }
    }

    /// <summary>Waits for something that the server does.</summary>
    public void Until(Func<bool> isDone)
    {
        bool isInTime = SpinWait.SpinUntil(() => isDone() || _process.HasExited, _patience);
        Assert.True(isInTime && isDone(), Errors);
    }

    /// <summary>Posts a body, and gives status and text.</summary>
    public async Task<(int Status, string Text)> Post(
        string path, string body, string type = "application/json", string? accept = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        if (type.Length > 0)
        {
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        }

        if (accept is not null)
        {
            request.Headers.Accept.ParseAdd(accept);
        }

        return await Send(request, headers);
    }

    public async Task<(int Status, string Text)> Get(string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        return await Send(request, headers);
    }

    /// <summary>Asks it to stop as a service's manager does.</summary>
    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{Id}"]);
        kill.WaitForExit();
    }

    public int Wait()
    {
        Assert.True(_process.WaitForExit(_patience), Errors);
        return _process.ExitCode;
    }

    public void Dispose()
    {
        Client.Dispose();
        if (!_process.HasExited)
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    private async Task<(int Status, string Text)> Send(HttpRequestMessage request, (string Name, string Value)[] headers)
    {
        foreach ((string name, string value) in headers)
        {
            Assert.True(request.Headers.TryAddWithoutValidation(name, value));
        }

        using HttpResponseMessage response = await Client.SendAsync(request, TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
