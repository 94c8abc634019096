using System.Text.Json;
using Granary.Core.Access;
using Granary.Core.Alarms;
using Granary.Silo.Access;
using Granary.Silo.Hosting;
using Granary.Silo.Storage;
using Granary.Silo.Storage.Definitions;
using Granary.Silo.Storage.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Granary.Silo.Tests.Access;

/// <summary>The account that a store begins with is made with the store, and never again.</summary>
public sealed class FirstAccountTests
{
    private readonly MemoryStore _store = new();

    [Fact]
    public async Task Store_ForWhichNothingIsConfigured_BeginsWithGuestOverLoopback()
    {
        await OpenAsync(null);

        var guest = Assert.Single(await AccountsAsync());
        Assert.Equal(("guest", true), (guest.Name, guest.IsForLoopback));
        Assert.True(PasswordHash.Matches(guest.PasswordHash, "guest"u8));
        Assert.False(AccessRows.AdmitsOthers(await _store.ReadRowAsync(AccessRows.Key, default)));
    }

    [Fact]
    public async Task Store_ForWhichAnAdministratorIsConfigured_BeginsWithThatOneAndNotWithGuest()
    {
        await OpenAsync(Account.Administrator("boss", "secret"));

        var boss = Assert.Single(await AccountsAsync());
        Assert.Equal(("boss", false), (boss.Name, boss.IsForLoopback));
        Assert.Equal(["administrator"], boss.Tags);
        Assert.True(PasswordHash.Matches(boss.PasswordHash, "secret"u8));
        Assert.True(AccessRows.AdmitsOthers(await _store.ReadRowAsync(AccessRows.Key, default)));
    }

    [Fact]
    public async Task Store_ThatHasAnAccount_KeepsItWhateverIsConfigured()
    {
        await OpenAsync(Account.Administrator("boss", "secret"));
        await OpenAsync(Account.Administrator("other", "secret"));
        await OpenAsync(null);

        Assert.Equal("boss", Assert.Single(await AccountsAsync()).Name);
    }

    [Fact]
    public async Task Store_WhoseAccountsWereAllDeleted_GetsNoneAgain()
    {
        await OpenAsync(null);
        await using (var commit = NewCommit())
        {
            await commit.WriteAsync(new RowChange(AccessRows.Key, "{}"u8.ToArray()));
        }

        await OpenAsync(Account.Administrator("boss", "secret"));

        Assert.Empty(await AccountsAsync());
    }

    [Fact]
    public async Task Silos_ThatOpenANewStoreAtOnce_MakeOneAccount()
    {
        await using var commit = NewCommit();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(i => AccessRows.CreateAsync(commit, () => Account.Administrator($"boss {i}", "secret"), new FirstVhost(), default)));

        Assert.Single(await AccountsAsync());
    }

    [Fact]
    public async Task NewStore_WithAVhostConfigured_HasThatOneAlone()
    {
        await using var commit = NewCommit();
        await AccessRows.CreateAsync(commit, Account.Guest, new FirstVhost("orders", "^a", "b", ""), default);

        var row = await _store.ReadRowAsync(AccessRows.Key, default);
        var state = JsonSerializer.Deserialize(row!.Value.Span, DefinitionsJson.Default.AccessState)!.Upgraded();
        Assert.Equal("orders", Assert.Single(state.Vhosts!).Name);
        Assert.Equal(new Permission("guest", "orders", "^a", "b", ""), Assert.Single(state.Permissions));
    }

    private GroupCommit NewCommit() => new(_store, NullLogger<GroupCommit>.Instance, _ => { });

    private async Task<Account[]> AccountsAsync()
    {
        var row = await _store.ReadRowAsync(AccessRows.Key, default);
        return JsonSerializer.Deserialize(row!.Value.Span, DefinitionsJson.Default.AccessState)!.All;
    }

    private async Task OpenAsync(Account? configured)
    {
        var services = new ServiceCollection().AddSingleton<IMessageStore>(_store);
        if (configured is not null)
        {
            services.AddSingleton(new FirstAccount(configured));
        }

        await using var provider = services.BuildServiceProvider();
        await using var home = new StoreHome(
            new StoreOptions(StoreKind.Memory), new PublisherAlarms(), TimeProvider.System, NullLogger<GroupCommit>.Instance, provider);
        await home.OpenAsync(default);
    }
}
