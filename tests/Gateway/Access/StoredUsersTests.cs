using System.Net;
using System.Text;
using Granary.Core.Access;
using Granary.Core.Grains;
using Granary.Gateway.Access;
using Granary.Gateway.Tests.Fakes;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Gateway.Tests.Access;

public sealed class StoredUsersTests
{
    private static readonly Account Boss = Account.Administrator("boss", "secret");

    private readonly FakeClock _clock = new();
    private readonly Accounts _accounts = new();
    private readonly StoredUsers _users;

    public StoredUsersTests() => _users = new StoredUsers(
        new FakeGrains(_ => throw new NotSupportedException("no queues"), accounts: _accounts).Factory, _clock, NullLogger<StoredUsers>.Instance);

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
    public async Task Login_IsAcceptedForTheRightPasswordFromWhereTheUserMayConnect(string user, string password, string? from, bool isAccepted) =>
        Assert.Equal(isAccepted, await AcceptsAsync(user, password, from));

    [Fact]
    public async Task Login_WhileTheUsersDoNotAnswer_WaitsUntilTheyDo()
    {
        _accounts.Failures = 3;
        var login = AcceptsAsync("boss", "secret", null);
        await PassUntilAsync(login, TimeSpan.FromSeconds(9));

        Assert.True(await login);
        Assert.Equal(4, _accounts.Asked);
    }

    [Fact]
    public async Task Login_ThatNobodyAnswers_FailsBeforeClientsGiveUp()
    {
        _accounts.Failures = int.MaxValue;
        var login = AcceptsAsync("boss", "secret", null);
        await PassUntilAsync(login, TimeSpan.FromSeconds(10));

        Assert.IsType<InvalidOperationException>((await Assert.ThrowsAsync<TimeoutException>(() => login)).InnerException);
    }

    private Task<bool> AcceptsAsync(string user, string password, string? from) => _users.AcceptsAsync(
        user, Encoding.UTF8.GetBytes(password), from is null ? null : IPAddress.Parse(from), CancellationToken.None).AsTask();

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

    private sealed class Accounts : IAccountsGrain
    {
        public int Failures { get; set; }

        public int Asked { get; private set; }

        public ValueTask<Account?> FindAsync(string name)
        {
            Asked++;
            return Asked <= Failures
                ? ValueTask.FromException<Account?>(new InvalidOperationException("the silo is gone"))
                : ValueTask.FromResult(new[] { Boss, Account.Guest() }.SingleOrDefault(account => account.Name == name));
        }
    }
}
