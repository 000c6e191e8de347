using Microsoft.Playwright;

namespace TorchAttention.Tests.Live;

/// <summary>The Chromium of the system, driven as a hand would; tests are skipped where there is none.</summary>
public sealed class Browser : IAsyncDisposable
{
    // Only what hangs for ever is given up: how long anything takes is the machine's.
    private const float Patience = 600_000;

    private readonly IPlaywright _playwright;
    private readonly IBrowser _browser;

    private Browser(IPlaywright playwright, IBrowser browser) => (_playwright, _browser) = (playwright, browser);

    public static string? Executable { get; } = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "chromium")).FirstOrDefault(File.Exists);

    public static async Task<Browser> StartAsync()
    {
        Assert.SkipWhen(Executable is null, "There is no chromium on the path.");
        IPlaywright playwright = await Playwright.CreateAsync();
        return new Browser(playwright, await playwright.Chromium.LaunchAsync(
            new BrowserTypeLaunchOptions { ExecutablePath = Executable, Args = ["--no-sandbox"], Timeout = Patience }));
    }

    /// <summary>Opens a page; what it writes to the console, throws or asks of another machine comes into the list.</summary>
    public async Task<(IPage Page, List<string> Troubles)> OpenAsync(
        string address, int width = 1200, ColorScheme scheme = ColorScheme.Light,
        string until = "window.live && live.answer.mean.length > 0")
    {
        IBrowserContext context = await _browser.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = 900 },
            ColorScheme = scheme,
            AcceptDownloads = true,
        });
        IPage page = await context.NewPageAsync();
        page.SetDefaultTimeout(Patience);
        var troubles = new List<string>();
        page.Console += (_, message) => troubles.Add(message.Text);
        page.PageError += (_, error) => troubles.Add(error);
        page.Request += (_, request) =>
        {
            var asked = new Uri(request.Url);
            if (!(asked.Scheme is "file" or "data" or "blob" || asked.IsLoopback))
            {
                troubles.Add(request.Url);
            }
        };
        await page.GotoAsync(address);
        await UntilAsync(page, until);
        return (page, troubles);
    }

    /// <summary>Waits until a script says so. (The page's policy forbids Playwright's own way, which evaluates text in the page.)</summary>
    public static async Task UntilAsync(IPage page, string script)
    {
        long start = System.Diagnostics.Stopwatch.GetTimestamp();
        while (!await page.EvaluateAsync<bool>($"Boolean({script})"))
        {
            Assert.True(System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalMilliseconds < Patience, $"{script} never came to be");
            await Task.Delay(20);
        }
    }

    /// <summary>Numbers that a script says.</summary>
    public static async Task<double[]> NumbersAsync(IPage page, string script) =>
        await page.EvaluateAsync<double[]>($"Array.from({script}, value => value === null ? NaN : value)");

    public async ValueTask DisposeAsync()
    {
        await _browser.DisposeAsync();
        _playwright.Dispose();
    }
}
