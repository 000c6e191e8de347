using System.Text.Json;

namespace TorchAttention.Tests.Server;

/// <summary>What <c>serve</c> answers, beside what <c>predict</c> writes.</summary>
public sealed class PredictionsTests(ServedModels served) : IClassFixture<ServedModels>
{
    private const string Curve = "/v1/models/curve/predict";

    [Theory]
    [InlineData("curve", "times\n20\n3.5\n70\n", "")]
    [InlineData(
        "curve", "who,times\n\"b,c\",3.5\nd,20\n", "interval=new&level=0.9&slopes&keep=who", "--interval", "new", "--level", "0.9",
        "--slopes", "--keep", "who")]
    [InlineData(
        "curve", "who;times\nb;3,5\n", "delimiter=%3B&decimal-comma=true&keep=all", "--delimiter", ";",
        "--decimal-comma", "--keep", "all")]
    [InlineData("groups", "Species,Petal.Length\nsetosa,1.5\nrose,2\nvirginica,5\n", "unknown-groups=empty", "--unknown-groups", "empty")]
    [InlineData("classes", "Petal.Length,Petal.Width\n1.4,0.2\n5,1.8\n", "")]
    [InlineData("mixed", "x,kind\n1,a\n2,d\n", "unseen=mean", "--unseen", "mean")]
    [InlineData("days", "day\n2024-02-03\n2024-02-20\n", "")]
    [InlineData("condensed", "times\n20\n3.5\n", "")]
    public async Task Csv_IsWhatPredictWrites(string model, string queries, string parameters, params string[] options)
    {
        (int status, string text) = await served.Server.Post($"/v1/models/{model}/predict?{parameters}", queries, "text/csv");

        Assert.Equal((200, served.Predict(model, queries, ".csv", options)), (status, text));
    }

    [Theory]
    [InlineData("""[{"times": 20, "who": "a"}, {"who": "b", "times": 3.5}]""")]
    [InlineData("""{"rows": [{"times": 20}, {"times": "3.5"}]}""")]
    [InlineData("""{"times": 20} {"times": 3.5, "more": {"a": [1]}}""")]
    public async Task Json_IsWhatPredictWrites(string body)
    {
        string expected = served.Predict("curve", "times\n20\n3.5\n", ".json");

        Assert.Equal((200, expected), await served.Server.Post(Curve, body));
        Assert.Equal((200, expected), await served.Server.Post(Curve, "times\n20\n3.5\n", "text/csv", "application/json"));
        Assert.Equal(
            (200, served.Predict("curve", "times\n20\n3.5\n", ".jsonl")),
            await served.Server.Post(Curve, body, "application/x-ndjson", "text/html;q=0.9, application/x-ndjson"));
    }

    [Fact]
    public async Task Json_HasGroupsCategoriesAndDates()
    {
        Assert.Equal(
            (200, served.Predict("groups", "Species,Petal.Length\nsetosa,1.5\n", ".json")),
            await served.Server.Post("/v1/models/groups/predict", """{"Species": "setosa", "Petal.Length": 1.5}"""));
        Assert.Equal(
            (200, served.Predict("mixed", "x,kind\n1,a\n", ".json")),
            await served.Server.Post("/v1/models/mixed/predict", """{"x": 1, "kind": "a"}"""));
        Assert.Equal(
            (200, served.Predict("days", "day\n2024-02-03\n", ".json")),
            await served.Server.Post("/v1/models/days/predict", """{"day": "2024-02-03"}"""));
    }

    // Two chunks of rows, an answer that is longer than what is held in memory, and a client that sends all before it reads.
    [Fact]
    public async Task ALongBody_IsAnsweredAsAFileIs()
    {
        string queries = "times\n" + string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i * 0.001}\n"));
        string list = $"[{string.Join(',', Enumerable.Range(0, 40_000).Select(i => $"{{\"times\":{i * 0.001}}}"))}]";
        string expected = served.Predict("curve", queries, ".csv", "--interval", "plain");

        Assert.Equal((200, expected), await served.Server.Post($"{Curve}?interval=plain", queries, "text/csv"));
        Assert.Equal((200, expected), await served.Server.Post($"{Curve}?interval=plain", list, accept: "text/csv"));
        Assert.Equal((200, expected), await served.Server.Post($"{Curve}?interval=plain&stream", queries, "text/csv"));

        // The last row decides.
        Assert.Equal(
            (400, "request body, row 40002, column 'times': expected a number, found 'x'\n"),
            await served.Server.Post($"{Curve}?interval=plain", queries + "x\n", "text/csv"));
        Assert.Equal(
            (400, """{"error":"request body, row 40001, column 'times': expected a number, found 'x'"}"""),
            await served.Server.Post(Curve, list[..^1] + """,{"times":"x"}]"""));
    }

    [Fact]
    public async Task RowsWithoutNumbers_AreLeftOutAndCounted()
    {
        using var content = new StringContent("times\n20\nNA\n", null, "text/csv");
        using HttpResponseMessage response = await served.Server.Client.PostAsync(
            $"{Curve}?missing=drop", content, TestContext.Current.CancellationToken);

        Assert.Equal("1", response.Headers.GetValues("Dropped-Rows").Single());
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(served.Predict("curve", "times\n20\n", ".csv"), text);
    }

    [Fact]
    public async Task Models_SayWhatTheyAre()
    {
        using JsonDocument list = JsonDocument.Parse((await served.Server.Get("/v1/models")).Text);
        Dictionary<string, JsonElement> models = list.RootElement.GetProperty("models").EnumerateArray()
            .ToDictionary(model => model.GetProperty("name").GetString()!);

        Assert.Equal(["curve", "groups", "classes", "mixed", "days", "condensed"], models.Keys);
        JsonElement curve = models["curve"];
        Assert.Equal((133, 1, 2.0, "gaussian", "accel"), (
            curve.GetProperty("n").GetInt32(), curve.GetProperty("degree").GetInt32(), curve.GetProperty("bandwidths")[0].GetDouble(),
            curve.GetProperty("kernel").GetString(), curve.GetProperty("targets")[0].GetString()));
        Assert.Equal(File.GetLastWriteTimeUtc(served.Console.PathOf("curve.safetensors")), curve.GetProperty("file_time").GetDateTime());
        Assert.Equal("Species", models["groups"].GetProperty("by").GetString());
        Assert.Equal(3, models["groups"].GetProperty("groups").GetArrayLength());
        Assert.Equal(3, models["classes"].GetProperty("classes").GetArrayLength());
        Assert.Equal("c", models["mixed"].GetProperty("features")[1].GetProperty("levels")[2].GetString());
        Assert.Equal("date", models["days"].GetProperty("features")[0].GetProperty("kind").GetString());
    }

    [Fact]
    public async Task OpenApi_NamesEachModelsColumns()
    {
        using JsonDocument document = JsonDocument.Parse((await served.Server.Get("/openapi.json")).Text);
        JsonElement post = document.RootElement.GetProperty("paths").GetProperty("/v1/models/groups/predict").GetProperty("post");
        JsonElement row = post.GetProperty("requestBody").GetProperty("content").GetProperty("application/json").GetProperty("schema")
            .GetProperty("items");

        Assert.Equal(["Petal.Length", "Species"], row.GetProperty("properties").EnumerateObject().Select(one => one.Name));
        Assert.Contains("interval", post.GetProperty("parameters").EnumerateArray().Select(one => one.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task Metrics_CountRequestsAndRows()
    {
        Assert.Equal(200, (await served.Server.Post("/v1/models/condensed/predict", """[{"times": 1}, {"times": 2}]""")).Status);
        (int status, string text) = await served.Server.Get("/metrics");

        Assert.Equal(200, status);
        Assert.Matches("torchattention_predicted_rows_total\\{model=\"condensed\"\\} [2-9]", text);
        Assert.Contains("http_server_request_duration_seconds_bucket{", text, StringComparison.Ordinal);
        Assert.Equal((200, "ok\n"), await served.Server.Get("/healthz"));
    }
}
