using System.Net;
using Granary.Gateway.Access;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tests.Access;

/// <summary>Who was refused over HTTP waits for the answer; the log stays readable however many are refused.</summary>
public sealed class RefusedLoginsTests
{
    private readonly FakeClock _clock = new();
    private readonly List<string> _lines = [];
    private readonly RefusedLogins _refused;

    public RefusedLoginsTests() => _refused = new RefusedLogins(_clock, new LineLogger(_lines));

    [Fact]
    public async Task Answer_ToAWrongPassword_WaitsASecond()
    {
        var wait = _refused.WaitAsync(default);
        Assert.False(wait.IsCompleted);

        _clock.Advance(RefusedLogins.Length);

        await wait.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Answer_WhoseClientHasLeft_DoesNotWait()
    {
        using var left = new CancellationTokenSource();
        var wait = _refused.WaitAsync(left.Token);
        await left.CancelAsync();

        await wait.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Answers_MoreThanMayWait_AreGivenAtOnce()
    {
        var waits = Enumerable.Range(0, RefusedLogins.MostWaiting).Select(_ => _refused.WaitAsync(default)).ToArray();
        Assert.True(_refused.WaitAsync(default).IsCompleted);
        Assert.DoesNotContain(waits, static wait => wait.IsCompleted);

        _clock.Advance(RefusedLogins.Length);
        await Task.WhenAll(waits).WaitAsync(TimeSpan.FromSeconds(20));

        Assert.False(_refused.WaitAsync(default).IsCompleted);
    }

    [Fact]
    public void Log_OfAThousandWithinASecond_HasTenLinesAndTheirNumber()
    {
        for (var number = 0; number < 1_000; number++)
        {
            _refused.Tell("guest", IPAddress.Loopback);
        }

        _clock.Advance(TimeSpan.FromSeconds(1));
        _refused.Tell("other", null);

        string[] expected =
        [
            .. Enumerable.Repeat("Login over HTTP refused: user 'guest' from 127.0.0.1", 10), "990 more logins over HTTP were refused within a second",
            "Login over HTTP refused: user 'other' from ",
        ];
        Assert.Equal(expected, _lines);
    }

    private sealed class LineLogger(List<string> lines) : ILogger<RefusedLogins>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Add(formatter(state, exception));
    }
}
