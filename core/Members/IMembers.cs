namespace Granary.Core.Members;

/// <summary>The members of the cluster that this process is one of. A lone process has none of this.</summary>
public interface IMembers
{
    /// <summary>What other members know this one by: a name of this life of the process, which none has again.</summary>
    string Own { get; }

    /// <summary>The others that are there, as far as is known here.</summary>
    IReadOnlyCollection<string> Others { get; }

    /// <summary>The way to another member; null when there is none of that name, or none any more.</summary>
    IMemberService? Find(string member);

    /// <summary>Has somebody told of each member that comes from now on.</summary>
    void WhenCome(Action<string> tell);

    /// <summary>Has somebody told of each member that is declared dead, or has left, from now on.</summary>
    void WhenGone(Action<string> tell);
}
