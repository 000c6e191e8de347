using System.Text.Json;
using TorchAttention.Tests.Cluster;
using TorchAttention.Tests.Server;

namespace TorchAttention.Tests.Console;

/// <summary>Each member of a cluster answers over HTTP what <c>predict --cluster</c> writes.</summary>
public sealed class ClusterHttpTests : IDisposable
{
    private const string Path = "/v1/models/shards/predict?bandwidth=0.3";

    private readonly DealtCluster _silos = new();
    private readonly List<ServerProcess> _servers = [];

    public void Dispose()
    {
        _servers.ForEach(server => server.Dispose());
        _silos.Dispose();
    }

    [Theory]
    [InlineData("")]
    [InlineData("&degree=1&slopes", "--degree", "1", "--slopes")]
    [InlineData("&sigma=0.3&level=0.9", "--sigma", "0.3", "--level", "0.9")]
    [InlineData("&kernel=tricube&no-neighbour=nearest", "--kernel", "tricube", "--no-neighbour", "nearest")]
    public async Task Csv_IsByteForByteWhatPredictWrites(string parameters, params string[] options)
    {
        string cluster = $"local={SiloProcesses.FreePort()}";
        ServerProcess server = Start(cluster);
        (int status, string text) = await server.Post(Path + parameters, _silos.Queries, "text/csv");

        Assert.Equal((200, _silos.Predict(["--cluster", cluster, .. options])), (status, text));
    }

    [Fact]
    public async Task Requests_AreAnsweredAsThoseOfModels()
    {
        ServerProcess server = Start($"local={SiloProcesses.FreePort()}");
        (int status, string json) = await server.Post(Path, """[{"a": 1, "b": 2}, {"a": 3, "b": 4}]""");
        using JsonDocument rows = JsonDocument.Parse(json);
        Assert.Equal((200, 2), (status, rows.RootElement.GetArrayLength()));
        (_, string lines) = await server.Post(Path + "&keep=id", """{"a": 1, "b": 2, "id": "x"}""", "application/x-ndjson");
        Assert.StartsWith("""{"id": "x", "a": 1, "b": 2, "mean": """, lines, StringComparison.Ordinal);
        Assert.Contains(rows.RootElement[0].GetProperty("mean").GetRawText(), lines, StringComparison.Ordinal);

        (_, string models) = await server.Get("/v1/models");
        using JsonDocument listed = JsonDocument.Parse(models);
        JsonElement model = Assert.Single(listed.RootElement.GetProperty("models").EnumerateArray().ToArray());
        Assert.Equal(("shards", "c"), (model.GetProperty("name").GetString(), model.GetProperty("targets")[0].GetString()));
        Assert.Equal((4000, 4), (model.GetProperty("n").GetInt32(), model.GetProperty("shards").GetInt32()));
        Assert.Equal(["a", "b"], model.GetProperty("features").EnumerateArray().Select(one => one.GetProperty("name").GetString()!));
        (_, string document) = await server.Get("/openapi.json");
        Assert.Contains("\"/v1/models/shards/predict\"", document, StringComparison.Ordinal);
        Assert.Contains("\"bandwidth\"", document, StringComparison.Ordinal);
        Assert.Equal((200, "ok\n"), await server.Get("/healthz"));
        (_, string metrics) = await server.Get("/metrics");
        Assert.Contains("torchattention_predicted_rows_total{model=\"shards\"} 3\n", metrics, StringComparison.Ordinal);

        foreach ((string parameters, string expected) in new[]
        {
            ("", "--bandwidth: expected one for all features or one for each beside --shards, got none"),
            ("?bandwidth=1,2,3", "--bandwidth: expected one bandwidth or one for each of a, b, got 3"),
            ("?bandwidth=0", "--bandwidth: expected a positive number that float32 can hold, got '0'"),
            ("?bandwidth=1&interval=new", "--interval: expected --sigma beside it, without which shards have no standard error"),
            ("?bandwidth=1&sigma=1,2", "--sigma: expected a number for each of c, got 2"),
            ("?bandwidth=1&sigma=all", "--sigma: expected numbers, as predict --sigma all says them, got all"),
            ("?bandwidth=1&degree=2", "--degree: expected 0 or 1, got 2"),
        })
        {
            (status, string error) = await server.Post("/v1/models/shards/predict" + parameters, """{"a": 1, "b": 2}""");
            Assert.Equal((400, expected), (status, JsonDocument.Parse(error).RootElement.GetProperty("error").GetString()));
        }

        (status, string none) = await server.Post(Path + "&kernel=boxcar&no-neighbour=error", "a,b\n900,900\n", "text/csv");
        Assert.Equal(400, status);
        Assert.Contains("1 without one", none, StringComparison.Ordinal);
        Assert.Equal(200, (await server.Get("/")).Status);
    }

    // It is this cluster that is at fault, and not who asks; the next one that is asked may have what is needed.
    [Fact]
    public async Task DamagedShard_Is503()
    {
        string shard = _silos.Console.PathOf("shards/0003.safetensors");
        byte[] bytes = File.ReadAllBytes(shard);
        bytes[^3] ^= 64;
        File.WriteAllBytes(shard, bytes);
        ServerProcess server = Start($"local={SiloProcesses.FreePort()}");
        (int status, string text) = await server.Post(Path, "a,b\n9.9,9.9\n", "text/csv");

        Assert.Equal(503, status);
        Assert.Contains("0003.safetensors: expected the file of the manifest", text, StringComparison.Ordinal);
        Assert.Equal(200, (await server.Post(Path, "a,b\n0.1,0.1\n", "text/csv")).Status);
    }

    [Fact]
    public async Task SiloThatDies_LosesNoRequest()
    {
        string cluster = _silos.StartRedis();
        ServerProcess first = Start(cluster);
        Start(cluster);
        ConsoleProcess.Running silo = _silos.Serve(cluster, []);
        string expected = _silos.Predict();
        for (int i = 0; i < 60; i++)
        {
            if (i == 20)
            {
                silo.Kill();
            }
            else if (i == 40)
            {
                _servers[1].Dispose();
                _servers.RemoveAt(1);
            }

            Assert.Equal((200, expected), await first.Post(Path, _silos.Queries, "text/csv"));
        }
    }

    [Theory]
    [InlineData("--listen: expected --port beside it, without which a member does not answer over HTTP", "--listen", "127.0.0.1")]
    [InlineData("--listen 0.0.0.0: expected --api-key-file beside an address that others reach", "--port", "0", "--listen", "0.0.0.0")]
    [InlineData("--model: expected none beside --cluster, which serves shards to predict", "--port", "0", "--model", "m.safetensors")]
    public void WrongOptions_AreOneLine(string expected, params string[] options)
    {
        ConsoleProcess.Result result = _silos.Console.Run(["serve", .. DealtCluster.Of("local"), .. options]);
        Assert.Equal((2, "", $"error: {expected}\n"), (result.ExitCode, result.Output, result.Error));
    }

    private ServerProcess Start(string cluster)
    {
        _servers.Add(new ServerProcess(_silos.Console.Folder, DealtCluster.Of(cluster)));
        return _servers[^1];
    }
}
