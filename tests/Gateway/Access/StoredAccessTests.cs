using System.Net;
using System.Text;
using Granary.Core.Access;
using Granary.Gateway.Access;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Access;

public sealed class StoredAccessTests
{
    private static readonly Account Boss = Account.Administrator("boss", "secret");

    private readonly FakeClock _clock = new();
    private readonly FakeAccessGrain _grain = new(Boss, Account.Guest(), Boss with { Name = "silent", PasswordHash = "" });
    private readonly StoredAccess _access;

    public StoredAccessTests() => _access = new StoredAccess(
        new FakeGrains(_ => throw new NotSupportedException("no queues"), access: _grain).Factory, _clock, NullLogger<StoredAccess>.Instance);

    [Theory]
    [InlineData("boss", "secret", "192.0.2.1", true)]
    [InlineData("boss", "secret", null, true)]
    [InlineData("boss", "Secret", "192.0.2.1", false)]
    [InlineData("boss", "", "192.0.2.1", false)]
    [InlineData("Boss", "secret", "192.0.2.1", false)]
    [InlineData("nobody", "nobody", "127.0.0.1", false)]
    [InlineData("guest", "guest", "127.0.0.1", true)]
    [InlineData("guest", "guest", "127.8.9.1", true)]
    [InlineData("guest", "guest", "::1", true)]
    [InlineData("guest", "guest", "::ffff:127.0.0.1", true)]
    [InlineData("guest", "guest", "::ffff:192.0.2.1", false)]
    [InlineData("guest", "guest", "192.0.2.1", false)]
    [InlineData("guest", "guest", null, false)]
    [InlineData("silent", "", "127.0.0.1", false)]
    [InlineData("silent", "nobody", "127.0.0.1", false)]
    public async Task Login_IsAcceptedForTheRightPasswordFromWhereTheUserMayConnect(string user, string password, string? from, bool isAccepted) =>
        Assert.Equal(isAccepted, await AcceptsAsync(user, password, from));

    [Fact]
    public async Task Login_WhileTheUsersDoNotAnswer_WaitsUntilTheyDo()
    {
        _grain.Failures = 3;
        var login = AcceptsAsync("boss", "secret", null);
        await PassUntilAsync(login, TimeSpan.FromSeconds(9));

        Assert.True(await login);
        Assert.Equal(4, _grain.Asked);
    }

    [Fact]
    public async Task Login_ThatNobodyAnswers_FailsBeforeClientsGiveUp()
    {
        _grain.Failures = int.MaxValue;
        var login = AcceptsAsync("boss", "secret", null);
        await PassUntilAsync(login, TimeSpan.FromSeconds(10));

        Assert.IsType<InvalidOperationException>((await Assert.ThrowsAsync<TimeoutException>(() => login)).InnerException);
    }

    private async Task<bool> AcceptsAsync(string user, string password, string? from) => await _access.LogInAsync(
        user, Encoding.UTF8.GetBytes(password), from is null ? null : IPAddress.Parse(from), CancellationToken.None) is not null;

    [Fact]
    public async Task Rights_AreAskedForOnceAndFollowTheChanges()
    {
        Assert.Null(_access.Find("boss", "/"));
        Assert.True((await FindAsync()).IsAdmitted);
        await FindAsync();
        Assert.Equal(1, _grain.Watched);

        Assert.Equal(1, await _grain.TellAsync(new AccessEntry { Permission = new Permission("boss", "/", "", "^q", "") }));

        Assert.NotNull(_access.Find("boss", "/")!.CheckQueue(Right.Read, "q"));
        Assert.Null(_access.Find("boss", "/")!.CheckQueue(Right.Write, "q"));
    }

    [Fact]
    public async Task Change_IsAnsweredWhenEachClientOfTheUserHasTakenIt()
    {
        await FindAsync();
        var (boss, guest) = (new ClientRights(_access, "boss", "/"), new ClientRights(_access, "guest", "/"));
        var (toldBoss, toldGuest) = (0, 0);
        boss.Follow(() => (toldBoss, _) = (toldBoss + 1, boss.Take()));
        guest.Follow(() => toldGuest++);

        var answered = await _grain.TellAsync(new AccessEntry { Permission = Permission.Full("boss", "/"), IsRemoved = true });

        Assert.Equal((1, 2, 1), (answered, toldBoss, toldGuest));
        Assert.False(boss.Current!.IsAdmitted);
    }

    [Fact]
    public async Task Rights_OfWhichNobodyWasHeardForALease_AreNotGoneByUntilTheyAreKnownAgain()
    {
        await FindAsync();
        var client = new ClientRights(_access, "boss", "/");
        client.Follow(() => client.Take());
        _grain.IsGone = true;

        for (var passed = TimeSpan.Zero; passed < AccessLease.HolderLimit; passed += TimeSpan.FromSeconds(1))
        {
            Assert.True(client.IsHeld());
            _clock.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.False(client.IsHeld());
        Assert.Null(client.Current);
        Assert.Null(_access.Find("boss", "/"));
        _grain.IsGone = false;
        var found = FindAsync();
        await PassUntilAsync(found, TimeSpan.FromSeconds(9));
        Assert.True((await found).IsAdmitted);
    }

    [Fact]
    public async Task Rights_WhileThoseWhoKeepThemAnswer_AreHeldForEver()
    {
        await FindAsync();
        var client = new ClientRights(_access, "boss", "/");
        client.Follow(() => client.Take());

        for (var passed = 0; passed < 120; passed++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await WaitUntilAsync(() => _grain.Renewed > passed);
        }

        Assert.True(client.IsHeld());
        Assert.Equal(1, _grain.Watched);
    }

    [Fact]
    public async Task Rights_ThatNobodyNeedsForAMinute_AreGivenUp()
    {
        await FindAsync();

        for (var passed = 0; passed < 62; passed++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }

        await WaitUntilAsync(() => _grain.Unwatched > 0);
        Assert.Null(_access.Find("boss", "/"));
    }

    [Fact]
    public async Task Change_ThatDoesNotFollowWhatIsHeld_HasAllOfItAskedForAgain()
    {
        await FindAsync();
        _grain.Permissions = [];

        Assert.Equal(IAccessObserver.NotHeld, await _grain.TellAsync(after: 7, new AccessEntry { User = new KnownUser("new", [], default) }));

        Assert.False((await FindAsync()).IsAdmitted);
        Assert.Equal(2, _grain.Watched);
    }

    private Task<Rights> FindAsync() => _access.FindAsync("boss", "/", CancellationToken.None).AsTask();

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        var since = System.Diagnostics.Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(since.Elapsed < TimeSpan.FromSeconds(20), "waited for ever");
            await Task.Delay(1);
        }
    }

    private async Task PassUntilAsync(Task done, TimeSpan most)
    {
        var step = TimeSpan.FromMilliseconds(100);
        for (var passed = TimeSpan.Zero; passed < most && !done.IsCompleted; passed += step)
        {
            _clock.Advance(step);
            await Task.WhenAny(done, Task.Delay(1));
        }

        await done.WaitAsync(TimeSpan.FromSeconds(20)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
