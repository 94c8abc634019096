using Granary.Core.Members;
using Granary.Testing.Processes;
using Orleans.CodeGeneration;

namespace Granary.Silo.Tests.Contracts;

/// <summary>
/// Members of two adjacent versions serve in one cluster. So what they say to each other is written down for each version, contract-N.txt, and a change without a new
/// version, or one that the version before cannot read, fails here.
/// </summary>
public sealed class ContractTests
{
    private const string WhatToDo =
        "What members say to each other is not what it was written down as. If that is meant: raise ContractVersion.Current by one and add a file for it. Only where the current version is in no "
        + "release yet is its own file changed instead; those of earlier versions stay as they are. docs/decisions/0021 says what may change. This is what it is now: ";

    private static readonly Contract Now = Contract.OfThisBuild();

    [Fact]
    public async Task Contract_OfThisBuild_IsWrittenDownForItsVersion()
    {
        var file = FileOf(ContractVersion.Current);
        var (written, now) = (File.Exists(file) ? await File.ReadAllTextAsync(file) : "", Now.Describe());
        if (written != now)
        {
            var copy = Path.Combine(Path.GetTempPath(), Path.GetFileName(file));
            await File.WriteAllTextAsync(copy, now);
            Assert.Fail($"{WhatToDo}{copy}\nonly there:\n{Missing(written, now)}\nonly here:\n{Missing(now, written)}");
        }
    }

    /// <summary>What the version before sends is read as it was meant, and it reads what it knows of what it is sent.</summary>
    [Fact]
    public async Task Contract_OfEachVersion_HasAllThatTheOneBeforeHad()
    {
        for (var version = 2; version <= ContractVersion.Current; version++)
        {
            var gone = Missing(await File.ReadAllTextAsync(FileOf(version)), await File.ReadAllTextAsync(FileOf(version - 1)));
            Assert.True(gone.Length == 0, $"Version {version} has no longer what members of version {version - 1} count on:\n{gone}");
        }
    }

    [Fact]
    public void Interfaces_OfGrains_AreOfTheCurrentVersionAndAllHaveAliases()
    {
        Assert.NotEmpty(Now.Interfaces);
        foreach (var type in Now.Interfaces)
        {
            Assert.NotNull(Contract.AliasOf(type));
            Assert.All(Contract.MethodsOf(type), method => Assert.True(Contract.AliasOf(method) is not null, $"{type.Name}.{method.Name} has no alias: its name on the way would change with it."));
            var version = (VersionAttribute?)Attribute.GetCustomAttribute(type, typeof(VersionAttribute));
            if (type.IsAssignableTo(typeof(IGrainObserver)))
            {
                // The runtime has no versions of them; the contract's covers them.
                Assert.Null(version);
            }
            else
            {
                Assert.Equal(ContractVersion.Current, version?.Version);
            }
        }
    }

    [Fact]
    public void Types_OfTheContract_HaveAliasesAndNumberedMembers()
    {
        var types = Now.Types.Where(type => !type.IsEnum).ToArray();
        Assert.NotEmpty(types);
        Assert.Equal(types.Length, types.Select(Contract.AliasOf).Distinct().Count());
        foreach (var type in types)
        {
            Assert.True(type.IsDefined(typeof(GenerateSerializerAttribute), inherit: false), $"{type} has no serializer.");
            Assert.True(Contract.AliasOf(type) is not null, $"{type} has no alias: its name on the way would change with it.");
            var members = Contract.MembersOf(type).ToArray();
            Assert.All(members, member => Assert.True(member.Id is not null, $"{type}.{member.Name} has no number: it would be lost on the way."));
            Assert.Equal(members.Length, members.Select(member => member.Id).Distinct().Count());
        }
    }

    private static string FileOf(int version) => RepositoryPath.Of("tests", "Silo", "Contracts", $"contract-{version}.txt");

    /// <summary>Lines of the second that the first has not under the same heading; versions aside.</summary>
    private static string Missing(string has, string wanted) => string.Join('\n', Lines(wanted).Except(Lines(has)));

    private static IEnumerable<string> Lines(string contract)
    {
        var heading = "";
        foreach (var line in contract.Split('\n').Where(line => line.Length > 0 && !line.StartsWith("contract ", StringComparison.Ordinal)))
        {
            heading = line.StartsWith(' ') ? heading : line.Split(" version ")[0];
            yield return line.StartsWith(' ') ? $"{heading}:{line}" : heading;
        }
    }
}
