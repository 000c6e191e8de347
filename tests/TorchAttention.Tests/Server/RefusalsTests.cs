using System.Net.Sockets;
using System.Text;

namespace TorchAttention.Tests.Server;

/// <summary>Requests that are wrong: a status and one line.</summary>
public sealed class RefusalsTests(ServedModels served) : IClassFixture<ServedModels>
{
    private const string Curve = "/v1/models/curve/predict";
    private const string Types = "Content-Type: expected text/csv, application/json or application/x-ndjson, got ";
    private const string Shape = "expected JSON, a list of objects with the columns' names, got";

    [Theory]
    [InlineData("curve", """{"times": "x"}""", "request body, row 1, column 'times': expected a number, found 'x'")]
    [InlineData("curve", """[{"times": 1}, {"times": 1e999}]""", "request body, row 2, column 'times': expected a finite number, found 'Infinity'")]
    [InlineData("curve", """[{"times": 1}, {}]""", "request body, row 2, column 'times': expected a number, found nothing; --missing drop leaves such rows out")]
    [InlineData("curve", """{"times": NaN}""", $"request body, row 1: {Shape} other text at line 1, byte 11")]
    [InlineData("curve", """{"times": [1]}""", "request body, row 1, column 'times': expected a number, found '[...]'")]
    [InlineData("curve", "", $"request body: {Shape} nothing")]
    [InlineData("curve", "[]", "request body, row 1: expected a row at least, got none")]
    [InlineData("curve", "[1]", "request body, row 1: expected an object with the columns' names, got a number")]
    [InlineData("curve", """{"rows": [{"times": 1}], "level": 0.9}""", "request body: expected nothing beside \"rows\"; options are parameters of the address, got 'level'")]
    [InlineData("curve", """{"time": 1}""", "request body: no column 'times' (did you mean 'time'?); its only column is 'time'")]
    [InlineData("groups", """{"Petal.Length": 1, "Species": "rose"}""", "request body, row 1, column 'Species': expected one of the model's 3 groups, found 'rose'; --unknown-groups empty leaves what is predicted for such rows empty")]
    [InlineData("mixed", """{"x": 1, "kind": "q"}""", "request body, row 1, column 'kind': expected one of the model's levels a, b, c, found 'q'; --unseen mean weighs all levels alike there")]
    [InlineData("days", """{"day": "soon"}""", "request body, row 1, column 'day': expected a date or a time without a time zone, such as 2026-11-26 or 2026-11-26T20:15, found 'soon'")]
    public async Task AWrongBody_IsOneLineWithItsPlace(string model, string body, string line)
    {
        (int status, string text) = await served.Server.Post($"/v1/models/{model}/predict", body);

        Assert.Equal((400, line), (status, Error(text)));
    }

    [Theory]
    [InlineData("time\n1\n", "request body: no column 'times' (did you mean 'time'?); its only column is 'time'\n")]
    [InlineData(
        "times\n1\nNaN\n",
        "request body, row 3, column 'times': expected a number, found 'NaN', a missing value; --missing drop leaves such rows out\n")]
    [InlineData("times\n1,2\n", "request body, row 2: expected 1 field as in the header, found 2\n")]
    [InlineData("", "request body: expected a header row and data, found an empty file\n")]
    public async Task AWrongCsv_IsOneLineOfText(string body, string line) =>
        Assert.Equal((400, line), await served.Server.Post("/v1/models/curve/predict", body, "text/csv"));

    [Theory]
    [InlineData("interval=nw", "--interval: expected one of auto, mean, plain, new, new-quantiles, new-jackknife, got 'nw'")]
    [InlineData("intervall=new", "no parameter 'intervall' (did you mean 'interval'?); there are")]
    [InlineData("out=/etc/passwd", "no parameter 'out'; there are")]
    [InlineData("data=/etc/passwd", "no parameter 'data'")]
    [InlineData("level=2", "--level: expected a number between 0 and 1, got '2'")]
    [InlineData("level=", "--level: expected a value, got ''")]
    [InlineData("level=0.9&level=0.8", "--level: expected once, got 2 times")]
    [InlineData("simultaneous&interval=new", "--simultaneous: expected an interval of the mean, got one of new observations")]
    [InlineData("unknown-groups=empty", "--unknown-groups: expected a model of groups, as fit --by saves it, got one of all rows")]
    [InlineData("keep=times", "--keep: expected other columns than the features times, each once, got 'times'")]
    public async Task AWrongParameter_IsOneLine(string parameters, string line)
    {
        (int status, string text) = await served.Server.Post($"/v1/models/curve/predict?{parameters}", """{"times": 1}""");

        Assert.Equal(400, status);
        Assert.StartsWith(line, Error(text), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, "no model 'curv' (did you mean 'curve'?); there are", "/v1/models/curv/predict", "application/json")]
    [InlineData(404, "no path '/v1/models/a/b/predict' is served here", "/v1/models/a/b/predict", "application/json")]
    [InlineData(404, "no model '..%2Fcurve'; there are", "/v1/models/..%2Fcurve/predict", "application/json")]
    [InlineData(405, "expected GET, got POST", "/v1/models", "application/json")]
    [InlineData(415, $"{Types}'text/html'", Curve, "text/html")]
    [InlineData(415, $"{Types}''", Curve, "")]
    [InlineData(415, "Content-Type: expected text in UTF-8, got 'latin1'", Curve, "text/csv; charset=latin1")]
    public async Task AWrongRequest_HasItsStatus(int status, string line, string path, string type)
    {
        (int got, string text) = await served.Server.Post(path, "{}", type, "application/json, */*;q=0.1");

        Assert.Equal(status, got);
        Assert.StartsWith(line, Error(text), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AnAnswerThatNobodyReads_Is406() => Assert.Equal(
        (406, "Accept: expected text/csv, application/json or application/x-ndjson, got 'image/png'\n"),
        await served.Server.Post("/v1/models/curve/predict", "{}", accept: "image/png"));

    // What a page of another host could make a browser send here.
    [Theory]
    [InlineData("Host", "evil.example", "Host: expected localhost, 127.0.0.1 or [::1], got 'evil.example'\n")]
    [InlineData("Origin", "http://evil.example", "Origin: expected a page of this server, got 'http://evil.example'\n")]
    [InlineData("Origin", "null", "Origin: expected a page of this server, got 'null'\n")]
    public async Task PagesOfOtherHosts_AreRefused(string name, string value, string line) =>
        Assert.Equal((403, line), await served.Server.Get("/v1/models", (name, value)));

    [Fact]
    public async Task OwnPages_AreNot()
    {
        Assert.Equal(200, (await served.Server.Get("/v1/models", ("Origin", served.Server.Url.ToString().TrimEnd('/')))).Status);
        Assert.Equal(200, (await served.Server.Get("/v1/models", ("Host", $"localhost:{served.Server.Url.Port}"))).Status);
    }

    // No HTTP, half a request, and an end in the midst of a body: the server goes on.
    [Fact]
    public async Task BrokenClients_HurtNobody()
    {
        string[] beginnings =
        [
            "\0\u0001\u0002", "GET", "POST /v1/models/curve/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
                + "Content-Type: text/csv\r\n\r\ntimes\n1\n",
        ];
        foreach (string beginning in beginnings)
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(served.Server.Url.Host, served.Server.Url.Port, TestContext.Current.CancellationToken);
            await socket.GetStream().WriteAsync(Encoding.Latin1.GetBytes(beginning), TestContext.Current.CancellationToken);
        }

        Assert.Equal(200, (await served.Server.Post("/v1/models/curve/predict", """{"times": 1}""")).Status);
    }

    private static string Error(string text)
    {
        using var answer = System.Text.Json.JsonDocument.Parse(text);
        return answer.RootElement.GetProperty("error").GetString()!;
    }
}
