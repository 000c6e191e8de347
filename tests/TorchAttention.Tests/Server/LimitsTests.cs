using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Server;

/// <summary>Who may ask a server, how much, and how it ends; each with a server of its own.</summary>
public sealed class LimitsTests : IDisposable
{
    private const string Path = "/v1/models/curve/predict";
    private const string Key = "correct-horse-battery";

    private readonly ConsoleProcess _console = new();

    public LimitsTests()
    {
        Fit("2");
    }

    public void Dispose() => _console.Dispose();

    [Fact]
    public async Task TooMuch_IsRefused()
    {
        using ServerProcess server = Start("--max-rows", "3", "--max-body-mb", "1");

        Assert.Equal((413, "expected at most 3 rows, got more\n"), await server.Post(Path, "times\n1\n2\n3\n4\n", "text/csv"));
        Assert.Equal(200, (await server.Post(Path, "times\n1\n2\n3\n", "text/csv")).Status);

        // Who sends on while it is refused may find the connection closed, and not the answer.
        string answer = await AnswerTo(server, Head((1 << 20) + 1));
        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        Assert.Contains("\r\nexpected at most 1048576 bytes, got more\n", answer, StringComparison.Ordinal);
    }

    // Nothing else is asked of it: a machine may be too busy for any answer within a second.
    [Fact]
    public async Task BodyThatNeverComes_IsRefusedInTime()
    {
        using ServerProcess server = Start("--max-seconds", "1");
        string answer = await AnswerTo(server, Head(99));
        Assert.StartsWith("HTTP/1.1 408 ", answer, StringComparison.Ordinal);
        Assert.Contains("expected a request of at most 1 seconds, got a longer one", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ClientThatNeverReadsItsAnswer_HoldsNobodyUp()
    {
        using ServerProcess server = Start("--max-requests", "1", "--max-waiting", "0", "--max-seconds", "2");
        byte[] body = Encoding.ASCII.GetBytes("times\n" + string.Concat(Enumerable.Range(0, 300_000).Select(i => $"{i % 57}\n")));
        using var frozen = new TcpClient { ReceiveBufferSize = 4096 };
        await frozen.ConnectAsync(server.Url.Host, server.Url.Port, TestContext.Current.CancellationToken);
        NetworkStream stream = frozen.GetStream();
        await stream.WriteAsync(Head(body.Length, "?interval=plain&stream"), TestContext.Current.CancellationToken);
        Task writing = stream.WriteAsync(body, TestContext.Current.CancellationToken).AsTask();

        server.Until(() =>
        {
            using var content = new StringContent("times\n1\n", null, "text/csv");
            return server.Client.PostAsync(Path, content).Result.StatusCode == HttpStatusCode.OK;
        });
        await writing.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task MoreThanAtOnceAndWaiting_Is503_AndWhatIsBegunIsFinishedAtTheEnd()
    {
        using ServerProcess server = Start("--max-requests", "1", "--max-waiting", "0");

        // More rows than are answered at a time, and as many that are yet to come: it is at work once its answer has begun.
        string rows = string.Concat(Enumerable.Range(0, 80_000).Select(i => $"{i * 0.001}\n"));
        byte[] body = Encoding.ASCII.GetBytes($"times\n{rows}");
        using var socket = new TcpClient();
        await socket.ConnectAsync(server.Url.Host, server.Url.Port, TestContext.Current.CancellationToken);
        NetworkStream stream = socket.GetStream();
        using var reader = new StreamReader(stream);
        await stream.WriteAsync(Head(body.Length, "?stream", "1.0"), TestContext.Current.CancellationToken);
        await stream.WriteAsync(body.AsMemory(0, body.Length / 2), TestContext.Current.CancellationToken);
        Assert.Equal("HTTP/1.1 200 OK", await reader.ReadLineAsync(TestContext.Current.CancellationToken));

        using var content = new StringContent("times\n1\n", null, "text/csv");
        using HttpResponseMessage refused = await server.Client.PostAsync(Path, content, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        Assert.Equal("1", refused.Headers.GetValues("Retry-After").Single());

        server.Terminate();
        server.Until(() => Refuses(server.Url));
        await stream.WriteAsync(body.AsMemory(body.Length / 2), TestContext.Current.CancellationToken);
        string answer = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        Assert.Equal(80_001, answer[(answer.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)..].Count(letter => letter == '\n'));
        Assert.Equal((0, ""), (server.Wait(), server.Errors.Trim()));
    }

    [Fact]
    public async Task KeysAndCertificates_AreAskedFor()
    {
        _console.Write("keys.txt", $"another-key-of-somebody\n{Key}\n");
        using RSA key = RSA.Create(2048);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllBytes(_console.PathOf("server.pfx"), certificate.Export(X509ContentType.Pfx, "secret"));
        using var server = new ServerProcess(
            _console.Folder, ["--model", "curve.safetensors", "--listen", "127.0.0.2", "--api-key-file", "keys.txt"],
            ("Kestrel__Certificates__Default__Path", _console.PathOf("server.pfx")),
            ("Kestrel__Certificates__Default__Password", "secret"));

        Assert.Equal("https", server.Url.Scheme);
        Assert.Equal(200, (await server.Get("/healthz")).Status);
        const string line = "expected a key of the server as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'\n";
        Assert.Equal((401, line), await server.Get("/v1/models"));
        Assert.Equal((401, line), await server.Get("/v1/models", ("X-API-Key", Key[..^1])));
        Assert.Equal((401, line), await server.Get("/metrics", ("Authorization", "Bearer ")));
        Assert.Equal(200, (await server.Get("/v1/models", ("X-API-Key", Key))).Status);
        Assert.Equal(200, (await server.Get("/v1/models", ("Authorization", $"Bearer {Key}"))).Status);

        // A browser asks for a name and a password.
        static string basic(string text) => $"Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(text))}";
        using HttpResponseMessage asked = await server.Client.GetAsync("/", TestContext.Current.CancellationToken);
        Assert.Contains(asked.Headers.WwwAuthenticate, one => one.Scheme == "Basic");
        Assert.Contains("id=\"live\"", (await server.Get("/", ("Authorization", basic($"me:{Key}")))).Text, StringComparison.Ordinal);
        Assert.Equal((401, line), await server.Get("/", ("Authorization", basic("me:another"))));
        Assert.Equal((401, line), await server.Get("/", ("Authorization", "Basic ???")));
    }

    [Theory]
    [InlineData("--listen 0.0.0.0: expected --api-key-file beside an address that others reach", "--listen", "0.0.0.0")]
    [InlineData("--listen: expected an address such as 0.0.0.0 or ::1, got 'here'", "--listen", "here")]
    [InlineData("--port: expected a whole number from 0 to 65535, got 65536", "--port", "65536")]
    [InlineData("--api-key-file: expected keys of at least 16 characters of ASCII, got one of 5", "--api-key-file", "short.txt")]
    [InlineData("--api-key-file: 'none.txt' cannot be read (", "--api-key-file", "none.txt")]
    [InlineData(
        "--model: expected files of different names, got 'curve.safetensors' and './curve.safetensors'", "--model",
        "curve.safetensors,./curve.safetensors")]
    [InlineData("none.safetensors: no such file", "--model", "none.safetensors")]
    [InlineData("short.txt: expected a safetensors file", "--model", "short.txt")]
    public void WrongArguments_AreOneLineAndTwo(string line, params string[] arguments)
    {
        _console.Write("short.txt", "12345\n");
        string[] model = arguments.Contains("--model") ? [] : ["--model", "curve.safetensors"];
        ConsoleProcess.Result result = _console.Run(["serve", .. model, .. arguments]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {line}", result.Error, StringComparison.Ordinal);
        Assert.Single(result.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task AFileThatChanges_IsLoadedAgain_AndNoRequestIsLost()
    {
        using ServerProcess server = Start();
        string before = (await server.Post(Path, """{"times": 20}""")).Text;
        using var stop = new CancellationTokenSource();
        Task<HashSet<string>>[] clients = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(async () =>
        {
            HashSet<string> answers = [];
            while (!stop.IsCancellationRequested)
            {
                (int status, string text) = await server.Post(Path, """{"times": 20}""");
                Assert.Equal(200, status);
                answers.Add(text);
            }

            return answers;
        }))];

        Fit("4");
        server.Until(() => server.Errors.Contains("curve.safetensors: loaded again", StringComparison.Ordinal));
        string after = (await server.Post(Path, """{"times": 20}""")).Text;

        // What is damaged or gone leaves the last one where it is.
        _console.Write("curve.safetensors", "no model");
        server.Until(() => server.Errors.Contains("curve.safetensors: expected a safetensors file", StringComparison.Ordinal));
        File.Delete(_console.PathOf("curve.safetensors"));
        server.Until(() => server.Errors.Contains("curve.safetensors: no such file; the model", StringComparison.Ordinal));
        Assert.Equal((200, after), await server.Post(Path, """{"times": 20}"""));

        await stop.CancelAsync();
        Assert.NotEqual(before, after);
        Assert.All(await Task.WhenAll(clients), answers => Assert.Subset(new HashSet<string> { before, after }, answers));
        Assert.Equal(3, server.Errors.Trim().Split('\n').Length);
    }

    [Fact]
    public async Task AModelOfTrain_IsServed()
    {
        _console.Write("d.csv", "x,y\n" + string.Concat(Enumerable.Range(0, 40).Select(i => $"{i},{i % 5}\n")));
        _console.Train("trained", "--data", "d.csv", "--epochs", "1", "--no-plots");
        File.Copy(_console.PathOf("trained/model.safetensors"), _console.PathOf("trained.safetensors"));
        _console.Write("q.csv", "x\n3.5\n100\n");
        using ServerProcess server = Start("--model", "curve.safetensors,trained.safetensors");

        Assert.Equal(
            (200, _console.Run("predict", "--model", "trained.safetensors", "q.csv").Output),
            await server.Post("/v1/models/trained/predict", "x\n3.5\n100\n", "text/csv"));
        Assert.Equal(
            (400, "--interval applies to models of fit only: what train saves has no standard error\n"),
            await server.Post("/v1/models/trained/predict?interval=new", "x\n3.5\n", "text/csv"));
    }

    private ServerProcess Start(params string[] options) =>
        new(_console.Folder, options.Contains("--model") ? options : ["--model", "curve.safetensors", .. options]);

    private void Fit(string bandwidth)
    {
        string run = $"run-{bandwidth}";
        Assert.Equal(0, _console.Run("fit", "mcycle", "--bandwidth", bandwidth, "--out", run, "--no-plots", "--quiet").ExitCode);
        File.Move(_console.PathOf($"{run}/model.safetensors"), _console.PathOf("curve.safetensors"), overwrite: true);
    }

    private static byte[] Head(int length, string asked = "", string version = "1.1") => Encoding.ASCII.GetBytes(
        $"POST {Path}{asked} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\nContent-Type: text/csv\r\n"
            + $"Content-Length: {length}\r\n\r\n");

    private static async Task<string> AnswerTo(ServerProcess server, byte[] request)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(server.Url.Host, server.Url.Port, TestContext.Current.CancellationToken);
        NetworkStream stream = socket.GetStream();
        await stream.WriteAsync(request, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
    }

    private static bool Refuses(Uri url)
    {
        try
        {
            using var client = new TcpClient(url.Host, url.Port);
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }
}
