using System.Collections.Concurrent;
using System.Net;
using System.Text;
using TorchAttention.Tests.Cluster;
using TorchAttention.Tests.Console;

namespace TorchAttention.Tests.Server;

/// <summary>What a collector of OpenTelemetry is sent, read by the protocol's own wire format.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly HttpListener _collector = new();
    private readonly ConcurrentQueue<(string Path, byte[] Body)> _received = [];
    private readonly DealtCluster _silos = new();
    private readonly string _address = $"http://127.0.0.1:{SiloProcesses.FreePort()}";

    public TelemetryTests()
    {
        _collector.Prefixes.Add(_address + "/");
        _collector.Start();
        _ = ReceiveAsync();
    }

    public void Dispose()
    {
        _collector.Stop();
        _silos.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Question_IsATraceFromRequestToShards(bool isOption)
    {
        string[] cluster = DealtCluster.Of($"local={SiloProcesses.FreePort()}");
        (string, string)[] often = [("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("OTEL_BSP_SCHEDULE_DELAY", "100")];
        using ServerProcess server = isOption ? new ServerProcess(_silos.Console.Folder, [.. cluster, "--otlp", _address], often)
            : new ServerProcess(
                _silos.Console.Folder, cluster,
                [.. often, ("OTEL_EXPORTER_OTLP_ENDPOINT", _address), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")]);
        Assert.Equal(200, (await server.Post("/v1/models/shards/predict?bandwidth=0.3", _silos.Queries, "text/csv")).Status);
        Span[] spans = [];
        server.Until(() => (spans = [.. Spans()]).Count(span => span.Name.Contains("SumsAt", StringComparison.Ordinal)) >= 4
            && spans.Any(span => span.Name.StartsWith("POST", StringComparison.Ordinal)));

        Span request = spans.Last(span => span.Name.StartsWith("POST", StringComparison.Ordinal));
        Span[] ofRequest = [.. spans.Where(span => span.Trace == request.Trace)];
        Span[] shards = [.. ofRequest.Where(span => span.Name.Contains("SumsAt", StringComparison.Ordinal))];
        Assert.True(shards.Length >= 4, string.Join('\n', ofRequest.Select(span => span.Name)));
        foreach (Span shard in shards)
        {
            List<string> way = [];
            for (Span? one = shard; one is not null; one = ofRequest.FirstOrDefault(span => span.Id == one.Parent))
            {
                way.Add(one.Name);
            }

            Assert.Contains(way, name => name.EndsWith("IQueryGrain/PredictAsync", StringComparison.Ordinal));
            Assert.StartsWith("POST", way[^1], StringComparison.Ordinal);
        }

        string[] names =
        [
            "torchattention.cluster.questions", "torchattention.cluster.rows", "torchattention.cluster.pairs",
            "torchattention.cluster.loads", "torchattention.cluster.io", "torchattention.cluster.queue", "torchattention.cluster.duration",
            "torchattention.predicted_rows",
        ];
        server.Until(() => Array.TrueForAll(names, name => _received.Any(
            one => one.Path == "/v1/metrics" && Encoding.Latin1.GetString(one.Body).Contains(name, StringComparison.Ordinal))));
        (_, string metrics) = await server.Get("/metrics");
        Assert.Contains("torchattention_cluster_questions_total{kind=\"query\"} ", metrics, StringComparison.Ordinal);
        Assert.Contains("torchattention_cluster_rows_total{kind=\"query\"} 300\n", metrics, StringComparison.Ordinal);
        Assert.Contains("torchattention_cluster_pairs_total ", metrics, StringComparison.Ordinal);
        Assert.Contains("torchattention_cluster_loads_total 4\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NothingIsLoaded_WhereItIsOff()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "What a process has loaded is read from /proc.");
        string[] shards = DealtCluster.Of($"local={SiloProcesses.FreePort()}");
        using var off = new ServerProcess(_silos.Console.Folder, shards);
        Assert.Equal(200, (await off.Post("/v1/models/shards/predict?bandwidth=0.3", _silos.Queries, "text/csv")).Status);
        string maps = File.ReadAllText($"/proc/{off.Id}/maps");
        Assert.Contains("Orleans.Runtime.dll", maps, StringComparison.Ordinal);
        Assert.DoesNotContain("OpenTelemetry", maps, StringComparison.Ordinal);
        Assert.Empty(_received);
    }

    [Theory]
    [InlineData("--otlp: expected an address such as http://localhost:4318, got 'here'", "--otlp", "here")]
    [InlineData("--otlp: expected an address such as http://localhost:4318, got 'ftp://a/'", "--otlp", "ftp://a/")]
    [InlineData("--dashboard-port: expected a whole number from 0 to 65535, got 70000", "--dashboard-port", "70000")]
    public void WrongAddress_IsOneLine(string expected, params string[] options)
    {
        ConsoleProcess.Result result = _silos.Console.Run(["serve", .. DealtCluster.Of("local"), "--port", "0", .. options]);
        Assert.Equal((2, "", $"error: {expected}\n"), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public async Task Dashboard_IsAPageOfThisMachine()
    {
        int port = SiloProcesses.FreePort();
        _silos.Serve($"local={SiloProcesses.FreePort()}", ["--dashboard-port", $"{port}"]);
        ConsoleProcess.Result taken = _silos.Console.Run(["serve", .. DealtCluster.Of("local"), "--dashboard-port", $"{port}"]);
        Assert.Equal(
            (1, $"error: --dashboard-port {port}: expected a port that is free, got one that is taken\n"), (taken.ExitCode, taken.Error));
        using var client = new HttpClient(new SocketsHttpHandler { UseProxy = false })
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port}"),
        };
        Assert.Contains("<html", await client.GetStringAsync("/"), StringComparison.OrdinalIgnoreCase);
        string counters = await client.GetStringAsync("/DashboardCounters?exclude=Orleans");
        Assert.Contains("totalActiveHostCount", counters, StringComparison.OrdinalIgnoreCase);
        using var request = new HttpRequestMessage(HttpMethod.Get, "/") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.BadRequest, (await client.SendAsync(request)).StatusCode);
    }

    private async Task ReceiveAsync()
    {
        while (_collector.IsListening)
        {
            HttpListenerContext context;
            try
            {
                context = await _collector.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var body = new MemoryStream();
            await context.Request.InputStream.CopyToAsync(body);
            _received.Enqueue((context.Request.Url!.AbsolutePath, body.ToArray()));
            context.Response.ContentType = "application/x-protobuf";
            context.Response.Close();
        }
    }

    // ExportTraceServiceRequest: resource_spans (1), in these scope_spans (2), in these spans (2): trace (1), id (2), parent (4), name (5).
    private IEnumerable<Span> Spans() =>
        from received in _received
        where received.Path == "/v1/traces"
        from resource in Fields(received.Body, 1)
        from scope in Fields(resource, 2)
        from span in Fields(scope, 2)
        select new Span(
            Convert.ToHexString(Fields(span, 1).Single()), Convert.ToHexString(Fields(span, 2).Single()),
            Convert.ToHexString(Fields(span, 4).FirstOrDefault() ?? []), Encoding.UTF8.GetString(Fields(span, 5).Single()));

    private static IEnumerable<byte[]> Fields(byte[] message, int number)
    {
        for (int at = 0; at < message.Length;)
        {
            ulong tag = Varint(message, ref at);
            switch (tag & 7)
            {
                case 0:
                    Varint(message, ref at);
                    break;
                case 1:
                    at += 8;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    int length = (int)Varint(message, ref at);
                    if ((int)(tag >> 3) == number)
                    {
                        yield return message[at..(at + length)];
                    }

                    at += length;
                    break;
            }
        }
    }

    private static ulong Varint(byte[] message, ref int at)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = message[at++];
            value |= (ulong)(next & 127) << shift;
            if (next < 128)
            {
                return value;
            }
        }
    }

    private sealed record Span(string Trace, string Id, string Parent, string Name);
}
